import {
  AdaptiveConcurrency,
  Buffer as BufferFilter,
  ConnectionLimit,
  CookieBasedSessionState,
  Cors,
  CorsPolicy,
  HTTPFault,
  HeaderBasedSessionState,
  JwtAuthentication,
  LocalRateLimit,
  PreserveCaseFormatterConfig,
  PreviousHostsPredicate,
  Router,
  StatefulSession,
  StatefulSessionPerRoute,
  type HeaderValueOption,
  type RouteConfiguration,
} from '../../../core/xds/generated/envoy.js'
import { any } from './base-parts.ts'

export const PRESERVE_CASE = { name: 'preserve_case', typedConfig: any(PreserveCaseFormatterConfig, {}) }

const SET: HeaderValueOption = {
  header: { key: 'x-set', value: 'a' },
  appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD',
}
const EMPTY: HeaderValueOption = {
  header: { key: 'x-empty', value: '' },
  appendAction: 'APPEND_IF_EXISTS_OR_ADD',
  keepEmptyValue: true,
}
const HEADERS = {
  requestHeadersToAdd: [SET, EMPTY],
  requestHeadersToRemove: ['x-gone'],
  responseHeadersToAdd: [SET],
  responseHeadersToRemove: ['x-gone'],
}
const percent = (numerator: number) => ({ numerator, denominator: 'TEN_THOUSAND' }) as const
const FAULT: HTTPFault = {
  delay: { fixedDelay: 10, percentage: percent(5) },
  abort: { httpStatus: 503, percentage: percent(5) },
  headers: [{ name: 'x-fault', exactMatch: 'a' }],
  maxActiveFaults: 3,
}
const RATE_LIMIT: LocalRateLimit = {
  statPrefix: 'a',
  status: { code: 'ServiceUnavailable' },
  tokenBucket: { maxTokens: 10, tokensPerFill: 2, fillInterval: 1000 },
  filterEnabled: { defaultValue: percent(50) },
  filterEnforced: { defaultValue: percent(50) },
  responseHeadersToAdd: [SET],
  enableXRatelimitHeaders: 'DRAFT_VERSION_03',
  rateLimitedAsResourceExhausted: true,
  descriptors: [
    {
      entries: [{ key: 'user', value: 'a' }],
      tokenBucket: { maxTokens: 10, tokensPerFill: 2, fillInterval: 1000 },
    },
  ],
  alwaysConsumeDefaultTokenBucket: false,
}
const RATE_LIMITS = {
  rateLimits: [
    {
      actions: [
        { requestHeaders: { headerName: 'x-user', descriptorKey: 'user', skipIfAbsent: true } },
        { remoteAddress: {} },
        { genericKey: { descriptorValue: 'a', descriptorKey: 'b' } },
        {
          headerValueMatch: {
            descriptorValue: 'a',
            descriptorKey: 'b',
            expectMatch: false,
            headers: [{ name: 'x-beta', exactMatch: 'a' }],
          },
        },
      ],
    },
  ],
}
export const FAULT_FILTER = { name: 'fault', typedConfig: any(HTTPFault, FAULT) }
const JWT: JwtAuthentication = {
  providers: {
    a: {
      issuer: 'https://a.example',
      audiences: ['shop'],
      localJwks: { inlineString: '{"keys":[{"kty":"RSA","kid":"a"}]}' },
      forward: true,
      fromHeaders: [{ name: 'x-token', valuePrefix: 'Jwt ' }],
      fromParams: ['token'],
      fromCookies: ['token'],
      forwardPayloadHeader: 'x-payload',
      payloadInMetadata: 'payload',
      clockSkewSeconds: 30,
      claimToHeaders: [{ headerName: 'x-user', claimName: 'sub' }],
    },
  },
  rules: [{ match: { prefix: '/' }, requires: { allowMissing: {} } }],
}
export const JWT_FILTER = {
  name: 'envoy.filters.http.jwt_authn',
  typedConfig: any(JwtAuthentication, JWT),
}
export const RATE_LIMIT_FILTER = { name: 'limit', typedConfig: any(LocalRateLimit, RATE_LIMIT) }
export const ADAPTIVE_FILTER = {
  name: 'adaptive',
  typedConfig: any(AdaptiveConcurrency, {
    gradientControllerConfig: {
      sampleAggregatePercentile: { value: 60 },
      concurrencyLimitParams: { maxConcurrencyLimit: 200, concurrencyUpdateInterval: 200 },
      minRttCalcParams: {
        interval: 30_000,
        requestCount: 40,
        jitter: { value: 10 },
        minConcurrency: 20,
        buffer: { value: 20 },
      },
    },
    concurrencyLimitExceededStatus: { code: 'TooManyRequests' },
  }),
}
export const BUFFER_FILTER = { name: 'buffer', typedConfig: any(BufferFilter, { maxRequestBytes: 1000 }) }
export const CORS_FILTER = { name: 'cors', typedConfig: any(Cors, {}) }
const CORS: CorsPolicy = {
  allowOriginStringMatch: [{ exact: 'https://shop.example' }],
  allowMethods: 'GET',
  allowHeaders: 'x-a',
  exposeHeaders: 'x-b',
  maxAge: '5',
  allowCredentials: true,
  forwardNotMatchingPreflights: false,
}
const cookie = { name: 'session', ttl: 60_000, path: '/a' }
const COOKIE_SESSION: StatefulSession = {
  sessionState: { name: 'route a', typedConfig: any(CookieBasedSessionState, { cookie }) },
}
const HEADER_SESSION: StatefulSession = {
  sessionState: { name: 'route b', typedConfig: any(HeaderBasedSessionState, { name: 'x-session' }) },
}
export const SESSION_FILTER = { name: 'session', typedConfig: any(StatefulSession, HEADER_SESSION) }
export const ROUTER = { name: 'router', typedConfig: any(Router, {}) }
export const CONNECTION_LIMIT = {
  name: 'limit',
  typedConfig: any(ConnectionLimit, { statPrefix: 'a', maxConnections: 10n, delay: 10 }),
}
export const KEEP_ALIVE = { interval: 2000, timeout: 1000 }
const regex = (text: string) => ({ regex: text })

export const ROUTES: RouteConfiguration = {
  name: 'routes',
  validateClusters: true,
  virtualHosts: [
    {
      name: 'shop',
      domains: ['shop.example'],
      ...RATE_LIMITS,
      routes: [
        {
          name: 'prefix',
          match: {
            prefix: '/a',
            caseSensitive: true,
            grpc: {},
            headers: [
              { name: 'a', exactMatch: 'a', invertMatch: true },
              { name: 'b', prefixMatch: 'b' },
              { name: 'c', suffixMatch: 'c' },
              { name: 'd', containsMatch: 'd' },
              { name: 'e', presentMatch: true },
              { name: 'f', safeRegexMatch: regex('f'), treatMissingHeaderAsEmpty: true },
              { name: 'g', stringMatch: { exact: 'g' } },
              { name: 'h', stringMatch: { prefix: 'h' } },
              { name: 'i', stringMatch: { suffix: 'i' } },
              { name: 'j', stringMatch: { contains: 'j' } },
              { name: 'k', stringMatch: { safeRegex: regex('k') } },
            ],
            queryParameters: [
              { name: 'a', stringMatch: { exact: 'a' } },
              { name: 'b', presentMatch: true },
            ],
          },
          route: {
            cluster: 'static',
            timeout: 2000,
            prefixRewrite: '/b',
            hostRewriteLiteral: 'host',
            retryPolicy: {
              retryOn: 'connect-failure,retriable-status-codes',
              numRetries: 2,
              perTryTimeout: 500,
              retriableStatusCodes: [503],
              retryBackOff: { baseInterval: 10, maxInterval: 100 },
              retryHostPredicate: [
                {
                  name: 'envoy.retry_host_predicates.previous_hosts',
                  typedConfig: any(PreviousHostsPredicate, {}),
                },
              ],
            },
            requestMirrorPolicies: [
              {
                cluster: 'dns',
                runtimeFraction: { defaultValue: { numerator: 5, denominator: 'TEN_THOUSAND' } },
                disableShadowHostSuffixAppend: true,
              },
            ],
            upgradeConfigs: [{ upgradeType: 'websocket', enabled: true }],
            hashPolicy: [
              { header: { headerName: 'x-user' }, terminal: true },
              { cookie: { name: 'user', ttl: 60_000, path: '/' } },
              { queryParameter: { name: 'user' } },
              { connectionProperties: { sourceIp: true } },
            ],
            ...RATE_LIMITS,
            includeVhRateLimits: true,
          },
          metadata: {
            filterMetadata: {
              'weft.dev': {
                retryNonIdempotent: true,
                failover: true,
                accessLog: 'all',
                hedge: { afterMs: 50, max: 2 },
                sessionAbsoluteMs: 60_000,
                sessionIdleMs: 5000,
              },
            },
          },
          typedPerFilterConfig: {
            asked: any(HTTPFault, {
              delay: { headerDelay: {}, percentage: percent(5) },
              abort: { headerAbort: {}, percentage: percent(5) },
            }),
            cors: any(CorsPolicy, CORS),
            fault: any(HTTPFault, { abort: { grpcStatus: 14, percentage: percent(5) } }),
            limit: any(LocalRateLimit, RATE_LIMIT),
            session: any(StatefulSessionPerRoute, { statefulSession: COOKIE_SESSION }),
          },
          ...HEADERS,
        },
        {
          match: { path: '/exact' },
          typedPerFilterConfig: { session: any(StatefulSessionPerRoute, { disabled: true }) },
          route: {
            weightedClusters: { clusters: [{ name: 'static', weight: 90, ...HEADERS }] },
            regexRewrite: { pattern: regex('^/exact'), substitution: '/new' },
            retryPolicy: { retryOn: '5xx', numRetries: 2, perTryTimeout: 500 },
            hedgePolicy: { hedgeOnPerTryTimeout: true },
          },
        },
        {
          match: { safeRegex: regex('/r.*') },
          redirect: {
            httpsRedirect: true,
            hostRedirect: 'host',
            portRedirect: 8443,
            pathRedirect: '/new',
            responseCode: 'FOUND',
          },
        },
        {
          match: { pathSeparatedPrefix: '/s' },
          redirect: { schemeRedirect: 'https', prefixRewrite: '/t' },
        },
        {
          match: { connectMatcher: {} },
          directResponse: { status: 404, body: { inlineString: 'no such shop' } },
        },
      ],
    },
  ],
}
