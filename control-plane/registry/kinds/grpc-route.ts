import type { Fields, TextCheck } from '../fields.ts'
import { readMeta } from './meta.ts'
import {
  readBackendRef,
  readFilter,
  readParentRef,
  readValueMatches,
  type RouteMatch,
  type RouteObject,
  type RouteRule,
} from './route.ts'

const SERVICE: TextCheck = { pattern: /^[A-Za-z_][\w.]{0,1023}$/, is: 'the full name of a gRPC service' }
const METHOD: TextCheck = { pattern: /^[A-Za-z_]\w{0,1023}$/, is: 'the name of a gRPC method' }
const PATTERN: TextCheck = { pattern: /^.{1,1024}$/s, is: '1 to 1,024 characters' }

export function readGrpcRoute(object: Fields): RouteObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  const spec = object.map('spec')
  spec.texts('hostnames')
  spec.skip('useDefaultGateways')
  const route: RouteObject = {
    kind: 'GRPCRoute',
    meta,
    parentRefs: spec.list('parentRefs', (ref) => readParentRef(ref, meta.namespace)),
    rules: spec.list('rules', (rule) => readRule(rule, meta.namespace)),
  }
  spec.refuseUnknown()
  object.refuseUnknown()
  return route
}

function readRule(rule: Fields, namespace: string): RouteRule {
  rule.text('name')
  rule.skip('sessionPersistence')
  const result: RouteRule = {
    matches: rule.list('matches', readMatch),
    filters: rule.list('filters', (filter) => readFilter(filter, namespace)),
    backendRefs: rule.list('backendRefs', (ref) => readBackendRef(ref, namespace)),
    requestTimeoutMs: undefined,
    backendTimeoutMs: undefined,
    retry: undefined,
    unsupported: rule.has('sessionPersistence') ? ['sessionPersistence'] : [],
  }
  rule.refuseUnknown()
  return result
}

function readMatch(match: Fields): RouteMatch {
  const result: RouteMatch = {
    path: undefined,
    method: undefined,
    grpc: readMethod(match.optionalMap('method')),
    headers: readValueMatches(match, 'headers', true),
    query: [],
  }
  match.refuseUnknown()
  return result
}

function readMethod(method: Fields | undefined): RouteMatch['grpc'] {
  if (!method) return undefined
  const type = method.oneOf('type', ['Exact', 'RegularExpression']) ?? 'Exact'
  const service = method.text('service', type === 'Exact' ? SERVICE : PATTERN) ?? ''
  const name = method.text('method', type === 'Exact' ? METHOD : PATTERN) ?? ''
  if (!method.has('service') && !method.has('method')) method.problem('needs a service or a method')
  method.refuseUnknown()
  return { type, service, method: name }
}
