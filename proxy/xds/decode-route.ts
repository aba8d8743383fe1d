import { METADATA, METADATA_RETRY_NON_IDEMPOTENT } from '../../core/contract.ts'
import type {
  HeaderMatcher,
  QueryParameterMatcher,
  RegexMatcher,
  Route as WireRoute,
  RouteConfiguration as WireRouteConfiguration,
  RouteMatch as WireMatch,
  StringMatcher,
} from '../../core/xds/generated/envoy.js'
import { type Route, type RouteConfiguration, type RouteMatch, type ValueMatch } from '../model/route.ts'
import { decodeMutation } from './decode-mutation.ts'
import { decodeDirect, decodeForward, decodeRedirect } from './decode-route-action.ts'
import type { Scope } from './scope.ts'

/** envoy.config.route.v3.RouteConfiguration */
export function decodeRouteConfiguration(config: WireRouteConfiguration, scope: Scope): RouteConfiguration {
  scope.only(config, 'name', 'virtualHosts', 'validateClusters', 'ignorePortInHostMatching')
  return {
    name: config.name ?? '',
    virtualHosts: (config.virtualHosts ?? []).map((host, i) => {
      const at = scope.at('virtual_hosts', i)
      at.only(host, 'name', 'domains', 'routes', 'includeRequestAttemptCount')
      if ((host.domains ?? []).length === 0) at.at('domains').fail('must name at least one domain')
      return {
        name: host.name ?? '',
        domains: (host.domains ?? []).map((domain) => domain.toLowerCase()),
        routes: (host.routes ?? []).map((route, j) => decodeRoute(route, at.at('routes', j))),
      }
    }),
  }
}

function decodeRoute(route: WireRoute, scope: Scope): Route {
  scope.only(
    route,
    'name',
    'match',
    'route',
    'redirect',
    'directResponse',
    'metadata',
    'requestHeadersToAdd',
    'requestHeadersToRemove',
    'responseHeadersToAdd',
    'responseHeadersToRemove',
  )
  if (!route.match) scope.at('match').fail('is required')
  const nonIdempotent = route.metadata?.filterMetadata?.[METADATA]?.[METADATA_RETRY_NON_IDEMPOTENT] === true
  const action = route.route
    ? decodeForward(route.route, scope.at('route'), nonIdempotent)
    : route.redirect
      ? decodeRedirect(route.redirect, scope.at('redirect'))
      : decodeDirect(route.directResponse, scope)
  return {
    name: route.name ?? '',
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
  }
}

function decodeMatch(match: WireMatch, scope: Scope): RouteMatch {
  scope.only(
    match,
    'prefix',
    'path',
    'safeRegex',
    'pathSeparatedPrefix',
    'caseSensitive',
    'headers',
    'queryParameters',
    'grpc',
    'connectMatcher',
  )
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

/** Envoy matches the whole value (RE2 full match). */
export function decodeRegex(matcher: RegexMatcher, scope: Scope): RegExp | undefined {
  try {
    return new RegExp(`^(?:${matcher.regex ?? ''})$`)
  } catch (error) {
    scope.at('regex').fail(error instanceof Error ? error.message : 'is no regular expression')
    return undefined
  }
}

function decodeHeader(header: HeaderMatcher, scope: Scope): ValueMatch {
  scope.only(
    header,
    'name',
    'exactMatch',
    'prefixMatch',
    'suffixMatch',
    'containsMatch',
    'presentMatch',
    'safeRegexMatch',
    'stringMatch',
    'invertMatch',
  )
  const name = (header.name ?? '').toLowerCase()
  if (name === '') scope.at('name').fail('is required')
  const invert = header.invertMatch ?? false
  const made = (kind: ValueMatch['kind'], value = '', regex?: RegExp): ValueMatch => ({
    name,
    kind,
    value,
    regex,
    invert,
  })
  if (header.stringMatch)
    return { ...decodeString(header.stringMatch, name, scope.at('string_match')), invert }
  if (header.exactMatch !== undefined) return made('exact', header.exactMatch)
  if (header.prefixMatch !== undefined) return made('prefix', header.prefixMatch)
  if (header.suffixMatch !== undefined) return made('suffix', header.suffixMatch)
  if (header.containsMatch !== undefined) return made('contains', header.containsMatch)
  if (header.safeRegexMatch)
    return made('regex', '', decodeRegex(header.safeRegexMatch, scope.at('safe_regex_match')))
  return { ...made('present'), invert: invert !== (header.presentMatch === false) }
}

function decodeQuery(parameter: QueryParameterMatcher, scope: Scope): ValueMatch {
  const name = parameter.name ?? ''
  if (parameter.stringMatch) return decodeString(parameter.stringMatch, name, scope.at('string_match'))
  return { name, kind: 'present', value: '', regex: undefined, invert: parameter.presentMatch === false }
}

function decodeString(matcher: StringMatcher, name: string, scope: Scope): ValueMatch {
  if (matcher.ignoreCase) scope.at('ignore_case').unsupported()
  const made = (kind: ValueMatch['kind'], value: string): ValueMatch => ({
    name,
    kind,
    value,
    regex: undefined,
    invert: false,
  })
  if (matcher.exact !== undefined) return made('exact', matcher.exact)
  if (matcher.prefix !== undefined) return made('prefix', matcher.prefix)
  if (matcher.suffix !== undefined) return made('suffix', matcher.suffix)
  if (matcher.contains !== undefined) return made('contains', matcher.contains)
  if (matcher.safeRegex)
    return { ...made('regex', ''), regex: decodeRegex(matcher.safeRegex, scope.at('safe_regex')) }
  scope.fail('needs exact, prefix, suffix, contains or safe_regex')
  return made('exact', '')
}
