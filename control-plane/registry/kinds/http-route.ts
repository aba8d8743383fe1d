import type { Fields, TextCheck } from '../fields.ts'
import { readDuration } from './duration.ts'
import { METHODS } from './http-method.ts'
import { PATTERN, readRoute, readValueMatches, type RouteKind } from './read-route.ts'
import type { RouteMatch, RouteObject, RouteRetry } from './route.ts'

/** Gateway API refuses what no request can match: `//`, `/./`, `/../`, encoded slashes, `#`. */
const PLAIN_PATH: TextCheck = {
  pattern: /^\/(?!.*(?:\/\/|\/\.\/|\/\.\.\/|\/\.\.?$|%2[fF]|#|\?))[\x21-\x7e]{0,1023}$/,
  is: 'a path that begins with "/", without "//", "/./", "/../", "%2F", "?" or "#"',
}

const HTTP_ROUTE: RouteKind = { kind: 'HTTPRoute', readTimeoutsAndRetry, readMatch }

export function readHttpRoute(object: Fields): RouteObject {
  return readRoute(object, HTTP_ROUTE)
}

function readTimeoutsAndRetry(rule: Fields): ReturnType<RouteKind['readTimeoutsAndRetry']> {
  const timeouts = rule.map('timeouts')
  const requestTimeoutMs = readDuration(timeouts, 'request')
  const backendTimeoutMs = readDuration(timeouts, 'backendRequest')
  if (backendTimeoutMs && requestTimeoutMs && backendTimeoutMs > requestTimeoutMs) {
    timeouts.problem('must not be longer than timeouts.request', 'backendRequest')
  }
  timeouts.refuseUnknown()
  return { requestTimeoutMs, backendTimeoutMs, retry: readRetry(rule.optionalMap('retry')) }
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

function readMatch(match: Fields): ReturnType<RouteKind['readMatch']> {
  return {
    path: readPath(match.optionalMap('path')),
    method: match.oneOf('method', METHODS),
    grpc: undefined,
    query: readValueMatches(match, 'queryParams', false),
  }
}

function readPath(path: Fields | undefined): RouteMatch['path'] {
  if (!path) return undefined
  const type = path.oneOf('type', ['Exact', 'PathPrefix', 'RegularExpression']) ?? 'PathPrefix'
  const value = path.text('value', type === 'RegularExpression' ? PATTERN : PLAIN_PATH) ?? '/'
  path.refuseUnknown()
  return { type, value }
}
