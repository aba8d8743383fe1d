import {
  METADATA,
  METADATA_FAILOVER,
  METADATA_RETRY_NON_IDEMPOTENT,
  METADATA_SESSION_ABSOLUTE_MS,
  METADATA_SESSION_IDLE_MS,
} from '../../core/contract.ts'
import type {
  Route as WireRoute,
  RouteConfiguration as WireRouteConfiguration,
  RouteMatch as WireMatch,
} from '../../core/xds/generated/envoy.js'
import type { RateLimitRule } from '../model/rate-limit.ts'
import { decodeHedge } from './decode-hedge.ts'
import type { Route, RouteConfiguration, RouteMatch, SessionTimes } from '../model/route.ts'
import { decodeHeader, decodeQuery, decodeRegex } from './decode-match.ts'
import { decodeRouteFilters } from './decode-filters.ts'
import { decodeFlag, decodeNumber } from './decode-metadata.ts'
import { decodeAccessLog } from './decode-telemetry.ts'
import { decodeMutation } from './decode-mutation.ts'
import { decodeRateLimits } from './decode-rate-limits.ts'
import { decodeDirect, decodeForward, decodeRedirect } from './decode-route-action.ts'
import type { Scope } from './scope.ts'

/** envoy.config.route.v3.RouteConfiguration */
export function decodeRouteConfiguration(config: WireRouteConfiguration, scope: Scope): RouteConfiguration {
  return {
    name: config.name ?? '',
    virtualHosts: (config.virtualHosts ?? []).map((host, i) => {
      const at = scope.at('virtual_hosts', i)
      const hostLimits = decodeRateLimits(host.rateLimits, at)
      return {
        name: host.name ?? '',
        domains: (host.domains ?? []).map((domain) => domain.toLowerCase()),
        routes: (host.routes ?? []).map((route, j) => decodeRoute(route, at.at('routes', j), hostLimits)),
      }
    }),
  }
}

function decodeRoute(
  route: WireRoute,
  scope: Scope,
  hostLimits: readonly RateLimitRule[] | undefined,
): Route {
  const nonIdempotent = decodeFlag(route.metadata, METADATA, METADATA_RETRY_NON_IDEMPOTENT, scope)
  const failover = decodeFlag(route.metadata, METADATA, METADATA_FAILOVER, scope)
  const action = route.route
    ? {
        ...decodeForward(
          route.route,
          scope.at('route'),
          nonIdempotent,
          decodeHedge(route.metadata, route.route, nonIdempotent, scope),
        ),
        ...(failover && { failover }),
      }
    : route.redirect
      ? decodeRedirect(route.redirect, scope.at('redirect'))
      : decodeDirect(route.directResponse, scope)
  const ownLimits = decodeRateLimits(route.route?.rateLimits, scope.at('route'))
  // A route's own stand in place of its host's, unless it says that both count.
  const rateLimits =
    ownLimits && hostLimits && route.route?.includeVhRateLimits
      ? [...ownLimits, ...hostLimits]
      : (ownLimits ?? hostLimits)
  const accessLog = decodeAccessLog(route.metadata, scope)
  const filterConfigs = decodeRouteFilters(route.typedPerFilterConfig, scope)
  return {
    name: route.name ?? '',
    ...(accessLog === undefined ? {} : { accessLog }),
    match: decodeMatch(route.match ?? {}, scope.at('match')),
    action,
    requestHeaders: decodeMutation(
      route.requestHeadersToAdd,
      route.requestHeadersToRemove,
      scope,
      'request_headers_to_add',
    ),
    responseHeaders: decodeMutation(
      route.responseHeadersToAdd,
      route.responseHeadersToRemove,
      scope,
      'response_headers_to_add',
    ),
    ...(filterConfigs && { filterConfigs }),
    ...(rateLimits && { rateLimits }),
    ...decodeSessionTimes(route, scope),
  }
}

function decodeSessionTimes({ metadata }: WireRoute, scope: Scope): { readonly session?: SessionTimes } {
  const read = (key: string): number | undefined => {
    const value = decodeNumber(metadata, METADATA, key, scope)
    if (value !== undefined && value < 1)
      scope.at('metadata').at(`filter_metadata[${METADATA}]`).at(key).fail('must be above 0')
    return value
  }
  const absoluteMs = read(METADATA_SESSION_ABSOLUTE_MS)
  const idleMs = read(METADATA_SESSION_IDLE_MS)
  return absoluteMs === undefined && idleMs === undefined ? {} : { session: { absoluteMs, idleMs } }
}

function decodeMatch(match: WireMatch, scope: Scope): RouteMatch {
  return {
    path: decodePath(match, scope),
    headers: (match.headers ?? []).map((header, i) => decodeHeader(header, scope.at('headers', i))),
    query: (match.queryParameters ?? []).map((parameter, i) =>
      decodeQuery(parameter, scope.at('query_parameters', i)),
    ),
    grpc: match.grpc !== undefined,
  }
}

function decodePath(match: WireMatch, scope: Scope): RouteMatch['path'] {
  const caseSensitive = match.caseSensitive ?? true
  if (match.connectMatcher) return { kind: 'connect' }
  if (match.path !== undefined) return { kind: 'exact', value: match.path, caseSensitive }
  if (match.pathSeparatedPrefix !== undefined)
    return { kind: 'segment-prefix', value: match.pathSeparatedPrefix, caseSensitive }
  if (match.safeRegex) {
    const value = decodeRegex(match.safeRegex, scope.at('safe_regex'))
    return value ? { kind: 'regex', value } : { kind: 'exact', value: '', caseSensitive }
  }
  if (match.prefix === undefined)
    scope.fail('needs prefix, path, path_separated_prefix, safe_regex or connect_matcher')
  return { kind: 'prefix', value: match.prefix ?? '', caseSensitive }
}
