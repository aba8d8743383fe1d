import { ANY, only, REQUIRED, type Messages } from './table.ts'

/** What stands around the resources of a file. */
export const BOOTSTRAP: Messages = {
  'envoy.config.bootstrap.v3.Bootstrap': {
    node: ANY,
    admin: ANY,
    static_resources: ANY,
    dynamic_resources: ANY,
  },
  'envoy.config.core.v3.Node': { id: ANY, cluster: ANY, metadata: ANY, locality: ANY },
  'envoy.config.core.v3.Locality': { region: ANY, zone: ANY, sub_zone: ANY },
  'envoy.config.bootstrap.v3.Admin': { address: REQUIRED },
  'envoy.config.core.v3.Address': { socket_address: REQUIRED },
  'envoy.config.core.v3.SocketAddress': { address: REQUIRED, port_value: REQUIRED, protocol: only('TCP') },
  'envoy.config.bootstrap.v3.Bootstrap.StaticResources': { listeners: ANY, clusters: ANY },
  'envoy.config.bootstrap.v3.Bootstrap.DynamicResources': {
    ads_config: REQUIRED,
    lds_config: ANY,
    cds_config: ANY,
  },
  'envoy.config.core.v3.ApiConfigSource': {
    api_type: { required: true, values: ['GRPC', 'DELTA_GRPC'] },
    transport_api_version: { required: true, values: ['V3'] },
    grpc_services: REQUIRED,
  },
  'envoy.config.core.v3.GrpcService': { envoy_grpc: REQUIRED },
  'envoy.config.core.v3.GrpcService.EnvoyGrpc': { cluster_name: REQUIRED },
  'envoy.config.core.v3.ConfigSource': {
    ads: REQUIRED,
    resource_api_version: { required: true, values: ['V3'] },
  },
  'envoy.config.core.v3.AggregatedConfigSource': {},
}
