import type { HeaderMatcher, RouteMatch, StringMatcher } from '../../core/xds/generated/envoy.js'
import type { Match, ValueMatch } from '../model/route.ts'
import { escapePattern } from '../model/pattern.ts'

/** In Envoy's words, for clients that take requests of any kind. */
export function routeMatch(match: Match): RouteMatch {
  const headers: HeaderMatcher[] = match.headers.map((one) => ({
    name: one.name,
    stringMatch: stringMatch(one),
  }))
  if (match.method !== undefined) headers.unshift({ name: ':method', stringMatch: { exact: match.method } })
  return {
    ...pathMatch(match.path),
    ...(headers.length > 0 ? { headers } : {}),
    ...(match.query.length > 0
      ? { queryParameters: match.query.map((one) => ({ name: one.name, stringMatch: stringMatch(one) })) }
      : {}),
    ...(match.grpc ? { grpc: {} } : {}),
  }
}

/**
 * In the words of a gRPC library (gRFC A28), which knows a call's path and metadata; undefined: no call can match. A call
 * is a POST without a query ("Requests" in gRPC over HTTP/2).
 */
export function callMatch(match: Match): RouteMatch | undefined {
  if ((match.method !== undefined && match.method !== 'POST') || match.query.length > 0) return undefined
  const headers = match.headers.map(({ name, kind, value }) => ({
    name,
    stringMatch: kind === 'exact' ? { exact: value } : { safeRegex: whole(value) },
  }))
  return {
    ...callPath(match.path),
    // grpc-java takes its absence for false.
    caseSensitive: true,
    ...(headers.length > 0 ? { headers } : {}),
  }
}

function callPath(path: Match['path']): RouteMatch {
  switch (path.kind) {
    case 'exact':
      return { path: path.value }
    case 'regex':
      return { safeRegex: whole(path.value) }
    case 'prefix':
      return path.value === '' ? { prefix: '' } : { safeRegex: whole(`${escapePattern(path.value)}(?:/.*)?`) }
  }
}

function pathMatch(path: Match['path']): RouteMatch {
  switch (path.kind) {
    case 'exact':
      return { path: path.value }
    case 'regex':
      return { safeRegex: { regex: path.value } }
    case 'prefix':
      return path.value === '' ? { prefix: '/' } : { pathSeparatedPrefix: path.value }
  }
}

function stringMatch({ kind, value }: ValueMatch): StringMatcher {
  return kind === 'exact' ? { exact: value } : { safeRegex: { regex: value } }
}

/** grpc-js puts `^` and `$` around a pattern without a group, so that of `a|b` each would hold for one half. */
function whole(pattern: string): { regex: string } {
  return { regex: `(?:${pattern})` }
}
