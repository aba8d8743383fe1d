import type { Fields, TextCheck } from '../fields.ts'
import { DNS_NAME, readMeta } from './meta.ts'
import { HEADER_NAME } from './header-name.ts'
import { readBackendRef, readFilter } from './route-filter.ts'
import { readSessionPersistence } from './session-persistence.ts'
import type { ParentRef, RouteMatch, RouteObject, RouteRule, RouteValueMatch } from './route.ts'

/** What HTTPRoute and GRPCRoute differ in. Each reads its own fields of the map that it gets. */
export interface RouteKind {
  readonly kind: RouteObject['kind']
  /** Of a rule. */
  readTimeoutsAndRetry(rule: Fields): Pick<RouteRule, 'requestTimeoutMs' | 'backendTimeoutMs' | 'retry'>
  /** Of one of the `matches`; its headers and what is unknown are read by `readRoute`. */
  readMatch(match: Fields): Omit<RouteMatch, 'headers'>
}

export const PATTERN: TextCheck = { pattern: /^.{1,1024}$/s, is: '1 to 1,024 characters' }

/** An HTTPRoute or GRPCRoute (gateway.networking.k8s.io/v1); what is wrong in it becomes problems of `object`. */
export function readRoute(object: Fields, own: RouteKind): RouteObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  const spec = object.map('spec')
  spec.skip('useDefaultGateways')
  const route: RouteObject = {
    kind: own.kind,
    meta,
    parentRefs: spec.list('parentRefs', (ref) => readParentRef(ref, meta.namespace)),
    hostnames: spec.texts('hostnames'),
    rules: spec.list('rules', (rule) => readRule(rule, meta.namespace, own)),
  }
  spec.refuseUnknown()
  object.refuseUnknown()
  return route
}

function readRule(rule: Fields, namespace: string, own: RouteKind): RouteRule {
  const name = rule.text('name') ?? ''
  const session = rule.optionalMap('sessionPersistence')
  const result: RouteRule = {
    name,
    ...own.readTimeoutsAndRetry(rule),
    matches: rule.list('matches', (match) => readMatch(match, own)),
    filters: rule.list('filters', (filter) => readFilter(filter, namespace)),
    backendRefs: rule.list('backendRefs', (ref) => readBackendRef(ref, namespace)),
    sessionPersistence: session && readSessionPersistence(session),
  }
  rule.refuseUnknown()
  return result
}

function readMatch(match: Fields, own: RouteKind): RouteMatch {
  const result = { ...own.readMatch(match), headers: readValueMatches(match, 'headers', true) }
  match.refuseUnknown()
  return result
}

export function readParentRef(ref: Fields, routeNamespace: string): ParentRef {
  const result = {
    group: ref.text('group') ?? 'gateway.networking.k8s.io',
    kind: ref.text('kind') ?? 'Gateway',
    namespace: ref.text('namespace', DNS_NAME) ?? routeNamespace,
    name: ref.requiredText('name', DNS_NAME),
    port: ref.integer('port', 1, 65535),
    sectionName: ref.text('sectionName', DNS_NAME),
  }
  ref.refuseUnknown()
  return result
}

/** `fold`: names without regard to case, as those of HTTP fields. */
export function readValueMatches(owner: Fields, list: string, fold: boolean): RouteValueMatch[] {
  return owner.list(list, (item) => {
    const type = item.oneOf('type', ['Exact', 'RegularExpression']) ?? 'Exact'
    const name = item.requiredText('name', fold ? HEADER_NAME : undefined)
    if (!item.has('value')) item.problem('is required', 'value')
    const value = item.text('value') ?? ''
    item.refuseUnknown()
    return { type, name: fold ? name.toLowerCase() : name, value }
  })
}
