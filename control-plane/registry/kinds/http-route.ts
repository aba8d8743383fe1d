import type { Fields, TextCheck } from '../fields.ts'
import { readDuration } from './duration.ts'
import { readMeta } from './meta.ts'
import {
  readBackendRef,
  readFilter,
  readParentRef,
  readValueMatches,
  type RouteMatch,
  type RouteObject,
  type RouteRetry,
  type RouteRule,
} from './route.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const
/** Gateway API refuses what no request can match: `//`, `/./`, `/../`, encoded slashes, `#`. */
const PLAIN_PATH: TextCheck = {
  pattern: /^\/(?!.*(?:\/\/|\/\.\/|\/\.\.\/|\/\.\.?$|%2[fF]|#|\?))[\x21-\x7e]{0,1023}$/,
  is: 'a path that begins with "/", without "//", "/./", "/../", "%2F", "?" or "#"',
}
const PATTERN: TextCheck = { pattern: /^.{1,1024}$/s, is: '1 to 1,024 characters' }

export function readHttpRoute(object: Fields): RouteObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  const spec = object.map('spec')
  // In a mesh the destination decides, not the Host (GEP-1426).
  spec.texts('hostnames')
  spec.skip('useDefaultGateways')
  const route: RouteObject = {
    kind: 'HTTPRoute',
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
  const timeouts = rule.map('timeouts')
  const requestTimeoutMs = readDuration(timeouts, 'request')
  const backendTimeoutMs = readDuration(timeouts, 'backendRequest')
  if (backendTimeoutMs && requestTimeoutMs && backendTimeoutMs > requestTimeoutMs) {
    timeouts.problem('must not be longer than timeouts.request', 'backendRequest')
  }
  timeouts.refuseUnknown()
  rule.skip('sessionPersistence')
  const result: RouteRule = {
    matches: rule.list('matches', readMatch),
    filters: rule.list('filters', (filter) => readFilter(filter, namespace)),
    backendRefs: rule.list('backendRefs', (ref) => readBackendRef(ref, namespace)),
    requestTimeoutMs,
    backendTimeoutMs,
    retry: readRetry(rule.optionalMap('retry')),
    unsupported: rule.has('sessionPersistence') ? ['sessionPersistence'] : [],
  }
  rule.refuseUnknown()
  return result
}

function readRetry(retry: Fields | undefined): RouteRetry | undefined {
  if (!retry) return undefined
  const result = {
    codes: retry.integers('codes', 400, 599),
    attempts: retry.integer('attempts', 0, 1000),
    backoffMs: readDuration(retry, 'backoff'),
  }
  retry.refuseUnknown()
  return result
}

function readMatch(match: Fields): RouteMatch {
  const result: RouteMatch = {
    path: readPath(match.optionalMap('path')),
    method: match.oneOf('method', METHODS),
    grpc: undefined,
    headers: readValueMatches(match, 'headers', true),
    query: readValueMatches(match, 'queryParams', false),
  }
  match.refuseUnknown()
  return result
}

function readPath(path: Fields | undefined): RouteMatch['path'] {
  if (!path) return undefined
  const type = path.oneOf('type', ['Exact', 'PathPrefix', 'RegularExpression']) ?? 'PathPrefix'
  const value = path.text('value', type === 'RegularExpression' ? PATTERN : PLAIN_PATH) ?? '/'
  path.refuseUnknown()
  return { type, value }
}
