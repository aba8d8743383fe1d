import {
  METADATA,
  METADATA_CLIENT_AFFINITY,
  METADATA_IDENTITY,
  METADATA_MAX_RESPONSE_HEADERS_KB,
  METADATA_OUTLIER,
  METADATA_PEAK_EWMA,
  METADATA_SERVICE,
  METADATA_TRANSPORT_MATCH,
  METADATA_OWNER,
  METADATA_WORKLOAD,
} from '../../contract.ts'
import { ANY, only, REQUIRED, type FieldRow, type Messages } from './table.ts'
import { BALANCING, BALANCING_FIELDS } from './balancing.ts'
import { UPSTREAM_SOCKET } from './tls.ts'

/** Of a cluster: its streams are bounded by `max_requests`. */
const HTTP2: FieldRow = { within: { connection_keepalive: ANY } }
const CLUSTER = 'envoy.config.cluster.v3'
const ENDPOINT = 'envoy.config.endpoint.v3'
/** Both the key in `typed_extension_protocol_options` and the message there. */
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

export const CLUSTERS: Messages = {
  [`${CLUSTER}.Cluster`]: {
    name: REQUIRED,
    type: only('STATIC', 'STRICT_DNS', 'EDS', 'ORIGINAL_DST'),
    eds_cluster_config: ANY,
    connect_timeout: ANY,
    ...BALANCING_FIELDS,
    load_assignment: ANY,
    circuit_breakers: ANY,
    outlier_detection: ANY,
    health_checks: ANY,
    common_http_protocol_options: ANY,
    typed_extension_protocol_options: { keys: { [HTTP_OPTIONS]: 'any' }, types: [HTTP_OPTIONS] },
    http2_protocol_options: HTTP2,
    upstream_connection_options: ANY,
    transport_socket: UPSTREAM_SOCKET,
    transport_socket_matches: ANY,
    metadata: {
      within: {
        filter_metadata: {
          keys: {
            [METADATA]: [
              METADATA_SERVICE,
              METADATA_MAX_RESPONSE_HEADERS_KB,
              METADATA_PEAK_EWMA,
              METADATA_OUTLIER,
              METADATA_CLIENT_AFFINITY,
            ],
          },
        },
      },
    },
    dns_lookup_family: only('ALL'),
  },
  [`${CLUSTER}.Cluster.EdsClusterConfig`]: { eds_config: REQUIRED, service_name: ANY },
  [`${CLUSTER}.Cluster.TransportSocketMatch`]: {
    name: REQUIRED,
    match: ANY,
    transport_socket: UPSTREAM_SOCKET,
  },
  [`${CLUSTER}.UpstreamConnectionOptions`]: { tcp_keepalive: ANY },
  'envoy.config.core.v3.TcpKeepalive': {
    keepalive_probes: ANY,
    keepalive_time: ANY,
    keepalive_interval: ANY,
  },
  [`${CLUSTER}.CircuitBreakers`]: { thresholds: ANY },
  [`${CLUSTER}.CircuitBreakers.Thresholds`]: {
    priority: only('DEFAULT'),
    max_connections: ANY,
    max_pending_requests: ANY,
    max_requests: ANY,
    max_retries: ANY,
    retry_budget: ANY,
  },
  [`${CLUSTER}.CircuitBreakers.Thresholds.RetryBudget`]: {
    budget_percent: ANY,
    min_retry_concurrency: ANY,
  },
  [HTTP_OPTIONS]: {
    common_http_protocol_options: ANY,
    explicit_http_config: ANY,
    use_downstream_protocol_config: ANY,
  },
  [`${HTTP_OPTIONS}.ExplicitHttpConfig`]: { http_protocol_options: ANY, http2_protocol_options: HTTP2 },
  [`${HTTP_OPTIONS}.UseDownstreamHttpConfig`]: { http_protocol_options: ANY, http2_protocol_options: HTTP2 },
  [`${ENDPOINT}.ClusterLoadAssignment`]: { cluster_name: REQUIRED, endpoints: ANY },
  [`${ENDPOINT}.LbEndpoint`]: {
    endpoint: REQUIRED,
    health_status: only('UNKNOWN', 'HEALTHY', 'UNHEALTHY', 'DRAINING', 'TIMEOUT'),
    metadata: {
      within: {
        filter_metadata: {
          keys: {
            [METADATA_TRANSPORT_MATCH]: 'any',
            [METADATA]: [METADATA_IDENTITY, METADATA_WORKLOAD, METADATA_OWNER],
          },
        },
      },
    },
    load_balancing_weight: ANY,
  },
  [`${ENDPOINT}.Endpoint`]: { address: REQUIRED },
  ...BALANCING,
}
