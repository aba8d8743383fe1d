import { JWT_AUTHN, JWT_AUTHN_PARTS } from './jwt-authn.ts'
import { HTTP_RBAC } from './rbac.ts'
import { ANY, only, REQUIRED, type FieldRow, type Messages } from './table.ts'

const COOKIE_SESSION = 'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState'
const HEADER_SESSION = 'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState'
const SESSION_STATE: FieldRow = {
  // Its name tells the sessions of one route from those of another.
  within: { name: REQUIRED, typed_config: { required: true, types: [COOKIE_SESSION, HEADER_SESSION] } },
}

const ADAPTIVE = 'envoy.extensions.filters.http.adaptive_concurrency.v3'

/**
 * The HTTP filters: each message that HttpFilter.typed_config may hold, with its rows, those that a route has in their
 * place, and the messages that these are made of.
 */
export const HTTP_FILTERS: {
  readonly types: Messages
  readonly routeTypes: Messages
  readonly parts: Messages
} = {
  types: {
    [`${ADAPTIVE}.AdaptiveConcurrency`]: {
      gradient_controller_config: REQUIRED,
      concurrency_limit_exceeded_status: ANY,
    },
    'envoy.extensions.filters.http.buffer.v3.Buffer': { max_request_bytes: REQUIRED },
    'envoy.extensions.filters.http.cors.v3.Cors': {},
    'envoy.extensions.filters.http.fault.v3.HTTPFault': {
      delay: ANY,
      abort: ANY,
      headers: ANY,
      max_active_faults: ANY,
    },
    ...JWT_AUTHN,
    'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit': {
      stat_prefix: REQUIRED,
      status: ANY,
      token_bucket: ANY,
      // Envoy counts nobody without them, and says nothing.
      filter_enabled: REQUIRED,
      filter_enforced: REQUIRED,
      response_headers_to_add: ANY,
      descriptors: ANY,
      always_consume_default_token_bucket: ANY,
      enable_x_ratelimit_headers: only('OFF', 'DRAFT_VERSION_03'),
      rate_limited_as_resource_exhausted: ANY,
    },
    ...HTTP_RBAC,
    'envoy.extensions.filters.http.router.v3.Router': {},
    'envoy.extensions.filters.http.stateful_session.v3.StatefulSession': { session_state: SESSION_STATE },
  },
  routeTypes: {
    'envoy.extensions.filters.http.cors.v3.CorsPolicy': {
      allow_origin_string_match: ANY,
      allow_methods: ANY,
      allow_headers: ANY,
      expose_headers: ANY,
      max_age: ANY,
      allow_credentials: ANY,
      forward_not_matching_preflights: ANY,
    },
    'envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute': {
      disabled: only('true'),
      stateful_session: ANY,
    },
  },
  parts: {
    [`${ADAPTIVE}.GradientControllerConfig`]: {
      sample_aggregate_percentile: ANY,
      concurrency_limit_params: REQUIRED,
      min_rtt_calc_params: REQUIRED,
    },
    [`${ADAPTIVE}.GradientControllerConfig.ConcurrencyLimitCalculationParams`]: {
      max_concurrency_limit: ANY,
      concurrency_update_interval: REQUIRED,
    },
    [`${ADAPTIVE}.GradientControllerConfig.MinimumRTTCalculationParams`]: {
      interval: REQUIRED,
      request_count: ANY,
      jitter: ANY,
      min_concurrency: ANY,
      buffer: ANY,
    },
    ...JWT_AUTHN_PARTS,
    [COOKIE_SESSION]: { cookie: REQUIRED },
    [HEADER_SESSION]: { name: REQUIRED },
    'envoy.type.http.v3.Cookie': { name: REQUIRED, ttl: ANY, path: ANY },
    'envoy.extensions.filters.common.fault.v3.FaultDelay': {
      fixed_delay: ANY,
      header_delay: ANY,
      // Without it Envoy delays nobody, and says nothing.
      percentage: REQUIRED,
    },
    'envoy.extensions.filters.http.fault.v3.FaultAbort': {
      http_status: ANY,
      grpc_status: ANY,
      header_abort: ANY,
      percentage: REQUIRED,
    },
    'envoy.extensions.filters.common.fault.v3.FaultDelay.HeaderDelay': {},
    'envoy.extensions.filters.http.fault.v3.FaultAbort.HeaderAbort': {},
    'envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor': {
      entries: REQUIRED,
      token_bucket: REQUIRED,
    },
    'envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry': { key: REQUIRED, value: ANY },
    'envoy.type.v3.HttpStatus': { code: REQUIRED },
    'envoy.type.v3.TokenBucket': { max_tokens: REQUIRED, tokens_per_fill: ANY, fill_interval: REQUIRED },
  },
}

/** Filters that a route says nothing of, or in a message of `routeTypes`, or in one that is not served (BufferPerRoute). */
const NOT_OF_ROUTES = [
  '.AdaptiveConcurrency',
  '.Buffer',
  '.Cors',
  '.JwtAuthentication',
  '.RBAC',
  '.Router',
  '.StatefulSession',
]

/** What a route may say for itself in typed_per_filter_config. */
export const ROUTE_FILTERS: readonly string[] = [
  ...Object.keys(HTTP_FILTERS.types).filter((name) => !NOT_OF_ROUTES.some((one) => name.endsWith(one))),
  ...Object.keys(HTTP_FILTERS.routeTypes),
]
