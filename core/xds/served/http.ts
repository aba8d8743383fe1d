import { HTTP_FILTERS } from './http-filters.ts'
import { ANY, only, REQUIRED, type Messages } from './table.ts'

const PRESERVE_CASE = 'envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig'
const MANAGER = 'envoy.extensions.filters.network.http_connection_manager.v3'

/** The connection manager; what its filters are made of stands in http-filters.ts. */
export const HTTP: Messages = {
  [`${MANAGER}.HttpConnectionManager`]: {
    codec_type: only('AUTO', 'HTTP1', 'HTTP2'),
    stat_prefix: REQUIRED,
    rds: ANY,
    route_config: ANY,
    http_filters: REQUIRED,
    tracing: ANY,
    common_http_protocol_options: ANY,
    http_protocol_options: ANY,
    http2_protocol_options: ANY,
    max_request_headers_kb: ANY,
    stream_idle_timeout: ANY,
    request_headers_timeout: ANY,
    request_timeout: ANY,
    forward_client_cert_details: ANY,
    use_remote_address: ANY,
    xff_num_trusted_hops: ANY,
    skip_xff_append: ANY,
    set_current_client_cert_details: ANY,
    normalize_path: ANY,
    merge_slashes: ANY,
    path_with_escaped_slashes_action: ANY,
  },
  [`${MANAGER}.HttpConnectionManager.Tracing`]: { random_sampling: ANY, overall_sampling: ANY },
  [`${MANAGER}.HttpConnectionManager.SetCurrentClientCertDetails`]: { uri: only('true') },
  'envoy.type.v3.Percent': { value: ANY },
  'envoy.config.core.v3.HttpProtocolOptions': { idle_timeout: ANY, max_headers_count: ANY },
  'envoy.config.core.v3.Http1ProtocolOptions': { header_key_format: ANY },
  'envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat': {
    stateful_formatter: {
      required: true,
      within: { name: REQUIRED, typed_config: { required: true, types: [PRESERVE_CASE] } },
    },
  },
  // Its fields stand where it is used.
  'envoy.config.core.v3.TypedExtensionConfig': {},
  [PRESERVE_CASE]: {},
  'envoy.config.core.v3.Http2ProtocolOptions': { max_concurrent_streams: ANY, connection_keepalive: ANY },
  // Envoy sends no PING by the clock without an interval.
  'envoy.config.core.v3.KeepaliveSettings': { interval: REQUIRED, timeout: REQUIRED },
  [`${MANAGER}.Rds`]: { config_source: REQUIRED, route_config_name: REQUIRED },
  [`${MANAGER}.HttpFilter`]: {
    name: REQUIRED,
    typed_config: { required: true, types: Object.keys(HTTP_FILTERS.types) },
  },
}
