import { SERVED } from './served/index.ts'

/** What `generate.ts` makes codecs for: one module of `generated/` each. */
export interface ModuleSource {
  readonly module: string
  /** .proto files, as they are imported; left out: those that the messages stand in, found by their package. */
  readonly files?: readonly string[]
  /**
   * Full names of the messages, services and their aliases (where two packages use one name). Messages
   * that are referred to and not listed stay bytes, and strict decoding refuses them by their field's name.
   * `all`: every message and service of the files.
   */
  readonly messages: 'all' | readonly (string | readonly [fullName: string, alias: string])[]
}

/** The protocol itself. */
const DISCOVERY = [
  'google.protobuf.Any',
  'google.rpc.Status',
  'envoy.service.discovery.v3.AggregatedDiscoveryService',
  'envoy.service.discovery.v3.DiscoveryRequest',
  'envoy.service.discovery.v3.DiscoveryResponse',
  'envoy.service.discovery.v3.DeltaDiscoveryRequest',
  'envoy.service.discovery.v3.DeltaDiscoveryResponse',
  'envoy.service.discovery.v3.Resource',
  'envoy.service.discovery.v3.ResourceName',
]

/** Written by the control plane for gRPC libraries without a sidecar; no proxy of ours takes them. */
const FOR_OTHER_CLIENTS = [
  'envoy.config.listener.v3.ApiListener',
  'envoy.config.route.v3.RouteAction.MaxStreamDuration',
  'envoy.extensions.transport_sockets.tls.v3.CertificateProviderPluginInstance',
]

/** Two messages of one name. */
const UPSTREAM_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const ALIASES: Readonly<Record<string, string>> = {
  [UPSTREAM_OPTIONS]: 'UpstreamHttpOptions',
  [`${UPSTREAM_OPTIONS}.ExplicitHttpConfig`]: 'ExplicitHttpConfig',
  [`${UPSTREAM_OPTIONS}.UseDownstreamHttpConfig`]: 'UseDownstreamHttpConfig',
}

const ENVOY: ModuleSource = {
  module: 'envoy',
  messages: [...DISCOVERY, ...FOR_OTHER_CLIENTS, ...SERVED.keys()].map((name) => {
    const alias = ALIASES[name]
    return alias === undefined ? name : [name, alias]
  }),
}

const OTLP: ModuleSource = {
  module: 'otlp',
  files: [
    'opentelemetry/proto/collector/trace/v1/trace_service.proto',
    'opentelemetry/proto/collector/metrics/v1/metrics_service.proto',
  ],
  messages: 'all',
}

/** Our own: every file of `core/proto/weft/`. */
const WEFT: ModuleSource = { module: 'weft', files: ['weft/'], messages: 'all' }

export const MODULES: readonly ModuleSource[] = [ENVOY, OTLP, WEFT]
