import {
  METADATA,
  METADATA_AUDIT,
  METADATA_KEEP_HALF_CLOSED,
  METADATA_LOWER_CASE_FIELDS,
  METADATA_OPEN_CONNECTIONS_MS,
  METADATA_PATH_PARAMETERS,
  METADATA_PRIORITY_HEADER,
  METADATA_SANITIZE_FORWARDED,
  METADATA_TELEMETRY,
  METADATA_TRUST,
} from '../../contract.ts'
import { NETWORK_FILTERS } from './network-filters.ts'
import { ANY, only, REQUIRED, type Messages } from './table.ts'
import { DOWNSTREAM_SOCKET } from './tls.ts'

export const LISTENER: Messages = {
  'envoy.config.listener.v3.Listener': {
    name: REQUIRED,
    address: REQUIRED,
    filter_chains: ANY,
    default_filter_chain: ANY,
    listener_filters: ANY,
    listener_filters_timeout: ANY,
    continue_on_listener_filters_timeout: only('true'),
    traffic_direction: ANY,
    use_original_dst: ANY,
    bind_to_port: ANY,
    // A rule of a newer control plane that is not kept would be one that lets pass.
    metadata: {
      within: {
        filter_metadata: {
          keys: {
            [METADATA]: [
              METADATA_PATH_PARAMETERS,
              METADATA_KEEP_HALF_CLOSED,
              METADATA_LOWER_CASE_FIELDS,
              METADATA_SANITIZE_FORWARDED,
              METADATA_PRIORITY_HEADER,
              METADATA_OPEN_CONNECTIONS_MS,
              METADATA_AUDIT,
              METADATA_TRUST,
              METADATA_TELEMETRY,
            ],
          },
        },
      },
    },
  },
  'envoy.config.listener.v3.ListenerFilter': {
    name: REQUIRED,
    typed_config: {
      required: true,
      types: [
        'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
        'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
        'envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
      ],
    },
  },
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector': {},
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector': {},
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst': {},
  'envoy.config.listener.v3.FilterChain': {
    name: ANY,
    filter_chain_match: ANY,
    filters: REQUIRED,
    transport_socket: DOWNSTREAM_SOCKET,
  },
  'envoy.config.listener.v3.FilterChainMatch': {
    destination_port: ANY,
    server_names: ANY,
    transport_protocol: only('tls', 'raw_buffer'),
    application_protocols: ANY,
  },
  'envoy.config.listener.v3.Filter': {
    name: REQUIRED,
    typed_config: {
      required: true,
      types: [
        ...Object.keys(NETWORK_FILTERS),
        'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      ],
    },
  },
  ...NETWORK_FILTERS,
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy': {
    stat_prefix: REQUIRED,
    cluster: ANY,
    weighted_clusters: ANY,
    idle_timeout: ANY,
  },
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster': { clusters: REQUIRED },
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight': {
    name: REQUIRED,
    weight: REQUIRED,
  },
}
