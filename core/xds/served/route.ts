import {
  METADATA,
  METADATA_ACCESS_LOG,
  METADATA_FAILOVER,
  METADATA_HEDGE,
  METADATA_RETRY_NON_IDEMPOTENT,
  METADATA_SESSION_ABSOLUTE_MS,
  METADATA_SESSION_IDLE_MS,
} from '../../contract.ts'
import { HASH_POLICY } from './hash-policy.ts'
import { ROUTE_FILTERS } from './http-filters.ts'
import { ANY, only, REQUIRED, type Fields, type Messages } from './table.ts'

const ROUTE = 'envoy.config.route.v3'
const PREVIOUS_HOSTS = 'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'
const HEADERS: Fields = {
  request_headers_to_add: ANY,
  request_headers_to_remove: ANY,
  response_headers_to_add: ANY,
  response_headers_to_remove: ANY,
}

const ROUTE_METADATA = [
  METADATA_RETRY_NON_IDEMPOTENT,
  METADATA_ACCESS_LOG,
  METADATA_FAILOVER,
  METADATA_HEDGE,
  METADATA_SESSION_ABSOLUTE_MS,
  METADATA_SESSION_IDLE_MS,
]

export const ROUTES: Messages = {
  [`${ROUTE}.RouteConfiguration`]: { name: ANY, virtual_hosts: ANY, validate_clusters: only('true') },
  [`${ROUTE}.VirtualHost`]: { name: REQUIRED, domains: REQUIRED, routes: ANY, rate_limits: ANY },
  [`${ROUTE}.Route`]: {
    name: ANY,
    match: REQUIRED,
    route: ANY,
    redirect: ANY,
    direct_response: ANY,
    metadata: { within: { filter_metadata: { keys: { [METADATA]: ROUTE_METADATA } } } },
    typed_per_filter_config: { types: ROUTE_FILTERS },
    ...HEADERS,
  },
  // Its fields stand where it is used.
  'envoy.config.core.v3.Metadata': {},
  [`${ROUTE}.RouteMatch`]: {
    prefix: ANY,
    path: ANY,
    safe_regex: ANY,
    path_separated_prefix: ANY,
    connect_matcher: ANY,
    case_sensitive: ANY,
    headers: ANY,
    query_parameters: ANY,
    grpc: ANY,
  },
  [`${ROUTE}.RouteMatch.GrpcRouteMatchOptions`]: {},
  [`${ROUTE}.RouteMatch.ConnectMatcher`]: {},
  [`${ROUTE}.HeaderMatcher`]: {
    name: REQUIRED,
    exact_match: ANY,
    prefix_match: ANY,
    suffix_match: ANY,
    contains_match: ANY,
    present_match: ANY,
    safe_regex_match: ANY,
    string_match: ANY,
    invert_match: ANY,
    treat_missing_header_as_empty: ANY,
  },
  [`${ROUTE}.QueryParameterMatcher`]: { name: REQUIRED, string_match: ANY, present_match: ANY },
  'envoy.type.matcher.v3.StringMatcher': {
    exact: ANY,
    prefix: ANY,
    suffix: ANY,
    contains: ANY,
    safe_regex: ANY,
  },
  'envoy.type.matcher.v3.RegexMatcher': { regex: REQUIRED },
  [`${ROUTE}.RouteAction`]: {
    cluster: ANY,
    weighted_clusters: ANY,
    prefix_rewrite: ANY,
    regex_rewrite: ANY,
    host_rewrite_literal: ANY,
    timeout: ANY,
    retry_policy: ANY,
    hedge_policy: ANY,
    request_mirror_policies: ANY,
    upgrade_configs: ANY,
    hash_policy: ANY,
    rate_limits: ANY,
    include_vh_rate_limits: ANY,
  },
  ...HASH_POLICY,
  'envoy.type.matcher.v3.RegexMatchAndSubstitute': { pattern: REQUIRED, substitution: ANY },
  [`${ROUTE}.RetryPolicy`]: {
    retry_on: ANY,
    num_retries: ANY,
    per_try_timeout: ANY,
    retriable_status_codes: ANY,
    retry_back_off: ANY,
    retry_host_predicate: ANY,
  },
  [`${ROUTE}.HedgePolicy`]: { hedge_on_per_try_timeout: ANY },
  [`${ROUTE}.RetryPolicy.RetryBackOff`]: { base_interval: REQUIRED, max_interval: ANY },
  // What every retry does by itself.
  [`${ROUTE}.RetryPolicy.RetryHostPredicate`]: {
    name: { required: true, values: ['envoy.retry_host_predicates.previous_hosts'] },
    typed_config: { required: true, types: [PREVIOUS_HOSTS] },
  },
  [PREVIOUS_HOSTS]: {},
  [`${ROUTE}.RouteAction.RequestMirrorPolicy`]: {
    cluster: REQUIRED,
    runtime_fraction: ANY,
    disable_shadow_host_suffix_append: ANY,
  },
  'envoy.config.core.v3.RuntimeFractionalPercent': { default_value: REQUIRED },
  'envoy.type.v3.FractionalPercent': { numerator: ANY, denominator: ANY },
  [`${ROUTE}.RouteAction.UpgradeConfig`]: { upgrade_type: REQUIRED, enabled: ANY },
  [`${ROUTE}.WeightedCluster`]: { clusters: REQUIRED },
  [`${ROUTE}.WeightedCluster.ClusterWeight`]: { name: REQUIRED, weight: ANY, ...HEADERS },
  'envoy.config.core.v3.HeaderValueOption': {
    header: REQUIRED,
    append_action: only('APPEND_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS_OR_ADD'),
    keep_empty_value: ANY,
  },
  'envoy.config.core.v3.HeaderValue': { key: REQUIRED, value: ANY },
  [`${ROUTE}.RedirectAction`]: {
    https_redirect: ANY,
    scheme_redirect: ANY,
    host_redirect: ANY,
    port_redirect: ANY,
    path_redirect: ANY,
    prefix_rewrite: ANY,
    response_code: ANY,
  },
  [`${ROUTE}.DirectResponseAction`]: { status: REQUIRED, body: { within: { inline_string: ANY } } },
}
