import * as envoy from '../../core/xds/generated/envoy.js'
import type { MessageType } from '../../core/xds/codec.ts'

/** What one field may hold beyond what its type allows. */
export interface FieldRule {
  /** Only these values, as text: where the runtime does one thing and not the other. */
  readonly values?: readonly string[]
  /** Only these fields of the message, where it stands here. Empty: `{}`. */
  readonly only?: readonly string[]
  /** Messages that a google.protobuf.Any may hold. */
  readonly types?: readonly MessageType<unknown>[]
  /** Keys of a map. */
  readonly keys?: readonly string[]
}

export interface MessageRule {
  readonly type: MessageType<unknown>
  readonly fields: ReadonlyMap<string, FieldRule>
  /** Fields that Envoy, or Weft, cannot do without. */
  readonly required: readonly string[]
}

const EMPTY: FieldRule = { only: [] }
const YES: FieldRule = { values: ['true'] }

function rule(
  type: MessageType<unknown>,
  fields: string,
  rules: Readonly<Record<string, FieldRule>> = {},
): [string, MessageRule] {
  const names = fields.split(' ').filter((name) => name !== '')
  const bare = names.map((name) => name.replace('!', ''))
  return [
    type.typeName,
    {
      type,
      fields: new Map(bare.map((name) => [name, rules[name] ?? {}])),
      required: bare.filter((_, i) => names[i]?.endsWith('!')),
    },
  ]
}

const HEADERS =
  'request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove'
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const TLS_VERSIONS = ['TLS_AUTO', 'TLSv1_2', 'TLSv1_3']

/**
 * The fields of Envoy's v3 Bootstrap that Weft reads, by message; `!` is a required one. A field stands here when the
 * runtime does what Envoy's documentation says of it; docs/bootstrap.md says the same in words. What is not here is
 * refused, not ignored.
 */
export const SUBSET: ReadonlyMap<string, MessageRule> = new Map([
  rule(envoy.Bootstrap, 'node admin static_resources dynamic_resources'),
  rule(envoy.Node, 'id cluster metadata locality'),
  rule(envoy.Locality, 'region zone sub_zone'),
  rule(envoy.Admin, 'address!'),
  rule(envoy.Address, 'socket_address!'),
  rule(envoy.SocketAddress, 'address! port_value! protocol', { protocol: { values: ['TCP'] } }),
  rule(envoy.Bootstrap_StaticResources, 'listeners clusters'),
  rule(envoy.Bootstrap_DynamicResources, 'ads_config! lds_config cds_config'),
  rule(envoy.ApiConfigSource, 'api_type! transport_api_version! grpc_services!', {
    api_type: { values: ['GRPC', 'DELTA_GRPC'] },
    transport_api_version: { values: ['V3'] },
  }),
  rule(envoy.GrpcService, 'envoy_grpc!'),
  rule(envoy.GrpcService_EnvoyGrpc, 'cluster_name!'),
  rule(envoy.ConfigSource, 'ads! resource_api_version!', { resource_api_version: { values: ['V3'] } }),
  rule(envoy.AggregatedConfigSource, ''),

  rule(
    envoy.Listener,
    'name! address! filter_chains default_filter_chain listener_filters listener_filters_timeout' +
      ' continue_on_listener_filters_timeout traffic_direction use_original_dst bind_to_port' +
      ' metadata',
    { continue_on_listener_filters_timeout: YES },
  ),
  rule(envoy.ListenerFilter, 'name! typed_config!', {
    typed_config: { types: [envoy.TlsInspector, envoy.HttpInspector, envoy.OriginalDst] },
  }),
  rule(envoy.TlsInspector, ''),
  rule(envoy.HttpInspector, ''),
  rule(envoy.OriginalDst, ''),
  rule(envoy.FilterChain, 'name filter_chain_match filters! transport_socket'),
  rule(envoy.FilterChainMatch, 'destination_port server_names transport_protocol application_protocols'),
  rule(envoy.Filter, 'name! typed_config!', {
    typed_config: { types: [envoy.HttpConnectionManager, envoy.TcpProxy] },
  }),
  rule(
    envoy.HttpConnectionManager,
    'codec_type stat_prefix! rds route_config http_filters! tracing common_http_protocol_options' +
      ' http2_protocol_options max_request_headers_kb stream_idle_timeout request_headers_timeout' +
      ' forward_client_cert_details set_current_client_cert_details normalize_path merge_slashes' +
      ' path_with_escaped_slashes_action',
    { codec_type: { values: ['AUTO', 'HTTP1', 'HTTP2'] } },
  ),
  rule(envoy.HttpConnectionManager_Tracing, 'random_sampling overall_sampling'),
  rule(envoy.HttpConnectionManager_SetCurrentClientCertDetails, 'uri', { uri: YES }),
  rule(envoy.Percent, 'value'),
  rule(envoy.HttpProtocolOptions, 'idle_timeout'),
  rule(envoy.Http1ProtocolOptions, ''),
  rule(envoy.Http2ProtocolOptions, 'max_concurrent_streams'),
  rule(envoy.Rds, 'config_source! route_config_name!'),
  rule(envoy.HttpFilter, 'name! typed_config!', { typed_config: { types: [envoy.Router] } }),
  rule(envoy.Router, ''),
  rule(envoy.TcpProxy, 'stat_prefix! cluster weighted_clusters idle_timeout'),
  rule(envoy.TcpProxy_WeightedCluster, 'clusters!'),
  rule(envoy.TcpProxy_WeightedCluster_ClusterWeight, 'name! weight!'),

  rule(envoy.TransportSocket, 'name! typed_config!', {
    typed_config: { types: [envoy.DownstreamTlsContext, envoy.UpstreamTlsContext, envoy.RawBuffer] },
  }),
  rule(envoy.RawBuffer, ''),
  rule(
    envoy.DownstreamTlsContext,
    'common_tls_context! require_client_certificate disable_stateless_session_resumption' +
      ' disable_stateful_session_resumption',
    { disable_stateless_session_resumption: YES, disable_stateful_session_resumption: YES },
  ),
  rule(envoy.UpstreamTlsContext, 'common_tls_context! sni max_session_keys', {
    max_session_keys: { values: ['0'] },
  }),
  rule(
    envoy.CommonTlsContext,
    'tls_params tls_certificates tls_certificate_sds_secret_configs validation_context' +
      ' validation_context_sds_secret_config combined_validation_context alpn_protocols',
  ),
  rule(envoy.TlsParameters, 'tls_minimum_protocol_version tls_maximum_protocol_version', {
    tls_minimum_protocol_version: { values: TLS_VERSIONS },
    tls_maximum_protocol_version: { values: TLS_VERSIONS },
  }),
  rule(envoy.TlsCertificate, 'certificate_chain! private_key!'),
  rule(envoy.DataSource, 'filename inline_string inline_bytes'),
  rule(envoy.CertificateValidationContext, 'trusted_ca match_typed_subject_alt_names'),
  rule(
    envoy.CommonTlsContext_CombinedCertificateValidationContext,
    'default_validation_context validation_context_sds_secret_config',
  ),
  rule(envoy.SdsSecretConfig, 'name! sds_config'),
  rule(envoy.SubjectAltNameMatcher, 'san_type! matcher!', { san_type: { values: ['URI', 'DNS'] } }),
  rule(envoy.StringMatcher, 'exact prefix suffix contains safe_regex'),
  rule(envoy.RegexMatcher, 'regex!'),

  rule(envoy.RouteConfiguration, 'name virtual_hosts validate_clusters', { validate_clusters: YES }),
  rule(envoy.VirtualHost, 'name! domains! routes'),
  rule(envoy.Route, `name match! route redirect direct_response metadata ${HEADERS}`),
  rule(envoy.Metadata, 'filter_metadata'),
  rule(
    envoy.RouteMatch,
    'prefix path safe_regex path_separated_prefix connect_matcher case_sensitive headers query_parameters grpc',
  ),
  rule(envoy.RouteMatch_GrpcRouteMatchOptions, ''),
  rule(envoy.RouteMatch_ConnectMatcher, ''),
  rule(
    envoy.HeaderMatcher,
    'name! exact_match prefix_match suffix_match contains_match present_match safe_regex_match string_match' +
      ' invert_match',
  ),
  rule(envoy.QueryParameterMatcher, 'name! string_match present_match'),
  rule(
    envoy.RouteAction,
    'cluster weighted_clusters prefix_rewrite regex_rewrite host_rewrite_literal timeout retry_policy' +
      ' request_mirror_policies upgrade_configs',
  ),
  rule(envoy.RegexMatchAndSubstitute, 'pattern! substitution'),
  rule(
    envoy.RetryPolicy,
    'retry_on num_retries per_try_timeout retriable_status_codes retry_back_off retry_host_predicate',
  ),
  rule(envoy.RetryPolicy_RetryBackOff, 'base_interval! max_interval'),
  rule(envoy.RetryPolicy_RetryHostPredicate, 'name! typed_config!', {
    typed_config: { types: [envoy.PreviousHostsPredicate] },
  }),
  rule(envoy.PreviousHostsPredicate, ''),
  rule(envoy.RouteAction_RequestMirrorPolicy, 'cluster! runtime_fraction disable_shadow_host_suffix_append'),
  rule(envoy.RuntimeFractionalPercent, 'default_value!'),
  rule(envoy.FractionalPercent, 'numerator denominator'),
  rule(envoy.RouteAction_UpgradeConfig, 'upgrade_type! enabled'),
  rule(envoy.WeightedCluster, 'clusters!'),
  rule(envoy.WeightedCluster_ClusterWeight, `name! weight ${HEADERS}`),
  rule(envoy.HeaderValueOption, 'header! append_action', {
    append_action: { values: ['APPEND_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS_OR_ADD'] },
  }),
  rule(envoy.HeaderValue, 'key! value'),
  rule(
    envoy.RedirectAction,
    'https_redirect scheme_redirect host_redirect port_redirect path_redirect prefix_rewrite response_code',
  ),
  rule(envoy.DirectResponseAction, 'status! body', { body: { only: ['inline_string'] } }),

  rule(
    envoy.Cluster,
    'name! type eds_cluster_config connect_timeout lb_policy load_assignment circuit_breakers' +
      ' common_http_protocol_options typed_extension_protocol_options http2_protocol_options' +
      ' transport_socket transport_socket_matches metadata dns_lookup_family',
    {
      type: { values: ['STATIC', 'STRICT_DNS', 'EDS', 'ORIGINAL_DST'] },
      lb_policy: { values: ['ROUND_ROBIN', 'LEAST_REQUEST', 'RANDOM', 'CLUSTER_PROVIDED'] },
      typed_extension_protocol_options: { keys: [HTTP_OPTIONS], types: [envoy.UpstreamHttpOptions] },
      http2_protocol_options: EMPTY,
      dns_lookup_family: { values: ['ALL'] },
    },
  ),
  rule(envoy.Cluster_EdsClusterConfig, 'eds_config! service_name'),
  rule(envoy.Cluster_TransportSocketMatch, 'name! match transport_socket'),
  rule(envoy.CircuitBreakers, 'thresholds'),
  rule(
    envoy.CircuitBreakers_Thresholds,
    'priority max_connections max_pending_requests max_requests retry_budget',
    { priority: { values: ['DEFAULT'] } },
  ),
  rule(envoy.CircuitBreakers_Thresholds_RetryBudget, 'budget_percent min_retry_concurrency'),
  rule(
    envoy.UpstreamHttpOptions,
    'common_http_protocol_options explicit_http_config use_downstream_protocol_config',
  ),
  rule(envoy.ExplicitHttpConfig, 'http_protocol_options http2_protocol_options', {
    http2_protocol_options: EMPTY,
  }),
  rule(envoy.UseDownstreamHttpConfig, 'http_protocol_options http2_protocol_options', {
    http2_protocol_options: EMPTY,
  }),
  rule(envoy.ClusterLoadAssignment, 'cluster_name! endpoints'),
  rule(envoy.LocalityLbEndpoints, 'lb_endpoints'),
  rule(envoy.LbEndpoint, 'endpoint! health_status metadata load_balancing_weight'),
  rule(envoy.Endpoint, 'address!'),
])
