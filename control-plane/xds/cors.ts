import { packAny } from '../../core/xds/any.ts'
import {
  Cors as CorsFilter,
  CorsPolicy,
  type HttpFilter,
  type Route,
  type StringMatcher,
} from '../../core/xds/generated/envoy.js'
import { originPattern, type Cors, type CorsOrigin } from '../model/cors.ts'
import type { RequestRoutes, RouteEntry } from '../model/route.ts'

const NAME = 'envoy.filters.http.cors'

/** Filters that routes say something for: a connection manager has them where a route in force does. */
export function corsFilter(group: RequestRoutes | undefined): HttpFilter[] {
  if (!group?.entries.some(({ rule }) => rule.cors)) return []
  return [{ name: NAME, typedConfig: packAny(CorsFilter, {}) }]
}

/** What a route says to the filter, in its typed_per_filter_config. */
export function corsPolicy(cors: Cors | undefined): NonNullable<Route['typedPerFilterConfig']> {
  return cors ? { [NAME]: packAny(CorsPolicy, policyOf(cors)) } : {}
}

/**
 * A preflight asks for the method that is to come by OPTIONS: a match of a method would never see it. Undefined: it is seen
 * by the match as it is.
 */
export function preflightEntry({ match, rule }: RouteEntry): RouteEntry | undefined {
  const { method } = match
  if (!rule.cors || method === undefined) return undefined
  const asked = { name: 'access-control-request-method', kind: 'exact', value: method } as const
  const headers = [...match.headers, asked]
  return { match: { ...match, method: 'OPTIONS', headers }, rule }
}

function policyOf({ origins, methods, headers, exposedHeaders, maxAge, credentials }: Cors): CorsPolicy {
  return {
    allowOriginStringMatch: origins === 'any' ? [{ safeRegex: { regex: '.*' } }] : origins.map(originMatch),
    ...(methods.length > 0 ? { allowMethods: listed(methods) } : {}),
    ...(headers.length > 0 ? { allowHeaders: listed(headers) } : {}),
    ...(exposedHeaders.length > 0 ? { exposeHeaders: listed(exposedHeaders) } : {}),
    maxAge: String(maxAge),
    ...(credentials ? { allowCredentials: true } : {}),
    // The route is the last authority on them (GEP-1767).
    forwardNotMatchingPreflights: false,
  }
}

function listed(values: 'any' | readonly string[]): string {
  return values === 'any' ? '*' : values.join(', ')
}

function originMatch(origin: CorsOrigin): StringMatcher {
  const { scheme, host, port } = origin
  const regex = originPattern(origin)
  return regex === undefined
    ? { exact: `${scheme}://${host}${port === undefined ? '' : `:${port}`}` }
    : { safeRegex: { regex } }
}
