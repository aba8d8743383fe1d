import type { HeaderMatcher, RouteMatch, StringMatcher } from '../../core/xds/generated/envoy.js'
import type { Match, ValueMatch } from '../model/route.ts'
import { escapePattern } from '../model/pattern.ts'
import type { MeshClient } from './client.ts'

export function routeMatch(match: Match, client: MeshClient): RouteMatch {
  const headers: HeaderMatcher[] = match.headers.map((one) => ({
    name: one.name,
    stringMatch: stringMatch(one),
  }))
  if (match.method !== undefined) headers.unshift({ name: ':method', stringMatch: { exact: match.method } })
  return {
    ...pathMatch(match.path, client),
    ...(headers.length > 0 ? { headers } : {}),
    ...(match.query.length > 0
      ? { queryParameters: match.query.map((one) => ({ name: one.name, stringMatch: stringMatch(one) })) }
      : {}),
    ...(match.grpc ? { grpc: {} } : {}),
  }
}

function pathMatch(path: Match['path'], client: MeshClient): RouteMatch {
  switch (path.kind) {
    case 'exact':
      return { path: path.value }
    case 'regex':
      return { safeRegex: { regex: path.value } }
    case 'prefix':
      if (path.value === '') return { prefix: '/' }
      if (client.takes.pathSeparatedPrefix) return { pathSeparatedPrefix: path.value }
      return { safeRegex: { regex: `${escapePattern(path.value)}(?:/.*)?` } }
  }
}

function stringMatch({ kind, value }: ValueMatch): StringMatcher {
  return kind === 'exact' ? { exact: value } : { safeRegex: { regex: value } }
}
