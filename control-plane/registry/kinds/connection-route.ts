import { isIP } from 'node:net'
import type { Fields, TextCheck } from '../fields.ts'
import { readMeta, type Meta } from './meta.ts'
import { readParentRef } from './read-route.ts'
import { readTarget } from './route-filter.ts'
import type { BackendRef, ParentRef } from './route.ts'

/** What TLSRoute and TCPRoute (gateway.networking.k8s.io/v1) have in common, as their authors wrote it. */
export interface ConnectionRouteObject {
  readonly kind: 'TLSRoute' | 'TCPRoute'
  readonly meta: Meta
  readonly parentRefs: readonly ParentRef[]
  /** Of a TLSRoute: server names, exact or behind `*.`; empty only of versions before v1, where that is any. */
  readonly hostnames: readonly string[]
  readonly rules: readonly { readonly backendRefs: readonly BackendRef[] }[]
}

/** Gateway API's rules for a TLSRoute's hostnames: RFC 1123 in lower case, a wildcard as the first label alone, no IP. */
const SERVER_NAME: TextCheck = {
  pattern: /^(?=.{1,253}$)(?:\*\.)?[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/,
  is: 'a host name in lower case, such as db.example.com or *.example.com',
}
const MOST_BACKENDS = 16

export function readTlsRoute(object: Fields): ConnectionRouteObject {
  return readConnectionRoute(object, 'TLSRoute')
}

export function readTcpRoute(object: Fields): ConnectionRouteObject {
  return readConnectionRoute(object, 'TCPRoute')
}

function readConnectionRoute(object: Fields, kind: ConnectionRouteObject['kind']): ConnectionRouteObject {
  const meta = readMeta(object, 'namespaced')
  const version = object.text('apiVersion')
  object.skip('kind', 'status')
  const spec = object.map('spec')
  spec.skip('useDefaultGateways')
  const route: ConnectionRouteObject = {
    kind,
    meta,
    parentRefs: spec.list('parentRefs', (ref) => readParentRef(ref, meta.namespace)),
    hostnames: kind === 'TLSRoute' ? readHostnames(spec, version?.endsWith('/v1') ?? false) : [],
    rules: spec.list('rules', (rule) => readRule(rule, meta.namespace)),
  }
  if (route.rules.length === 0) spec.problem('needs a rule', 'rules')
  spec.refuseUnknown()
  object.refuseUnknown()
  return route
}

function readHostnames(spec: Fields, required: boolean): readonly string[] {
  const hostnames = spec.texts('hostnames')
  if (required && !spec.has('hostnames'))
    spec.problem('is required: the server names (SNI) that the route takes', 'hostnames')
  for (const [index, name] of hostnames.entries())
    if (!SERVER_NAME.pattern.test(name) || isIP(name) !== 0)
      spec.problem(`must be ${SERVER_NAME.is}, got ${JSON.stringify(name)}`, 'hostnames', index)
  return hostnames
}

function readRule(rule: Fields, namespace: string): ConnectionRouteObject['rules'][number] {
  rule.text('name')
  const backendRefs = rule.list('backendRefs', (ref) => readTarget(ref, namespace, true))
  if (backendRefs.length === 0) rule.problem('needs a backend', 'backendRefs')
  if (backendRefs.length > MOST_BACKENDS)
    rule.problem(`has ${backendRefs.length} backends; at most ${MOST_BACKENDS}`, 'backendRefs')
  rule.refuseUnknown()
  return { backendRefs }
}
