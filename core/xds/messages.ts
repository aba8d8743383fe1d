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

/** What a TrafficPolicy becomes; which of them a proxy of ours takes, the table says. */
const OF_POLICIES = [
  'envoy.config.cluster.v3.Cluster.CommonLbConfig',
  'envoy.config.cluster.v3.Cluster.CommonLbConfig.ZoneAwareLbConfig',
  'envoy.config.cluster.v3.Cluster.LeastRequestLbConfig',
  'envoy.config.cluster.v3.Cluster.MaglevLbConfig',
  'envoy.config.cluster.v3.Cluster.RingHashLbConfig',
  'envoy.config.cluster.v3.Cluster.RoundRobinLbConfig',
  'envoy.config.cluster.v3.Cluster.SlowStartConfig',
  'envoy.config.cluster.v3.OutlierDetection',
  'envoy.config.core.v3.HealthCheck',
  'envoy.config.core.v3.HealthCheck.GrpcHealthCheck',
  'envoy.config.core.v3.HealthCheck.HttpHealthCheck',
  'envoy.config.core.v3.HealthCheck.TcpHealthCheck',
  'envoy.config.core.v3.RuntimeFeatureFlag',
  'envoy.config.route.v3.RateLimit',
  'envoy.config.route.v3.RateLimit.Action',
  'envoy.config.route.v3.RateLimit.Action.GenericKey',
  'envoy.config.route.v3.RateLimit.Action.RequestHeaders',
  'envoy.config.route.v3.RouteAction.HashPolicy',
  'envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties',
  'envoy.config.route.v3.RouteAction.HashPolicy.Cookie',
  'envoy.config.route.v3.RouteAction.HashPolicy.Header',
  'envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter',
  'envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor',
  'envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry',
  'envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency',
  'envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig',
  'envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig.ConcurrencyLimitCalculationParams',
  'envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig.MinimumRTTCalculationParams',
  'envoy.type.v3.Int64Range',
]

/** Messages of one name. */
const UPSTREAM_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const ALIASES: Readonly<Record<string, string>> = {
  [UPSTREAM_OPTIONS]: 'UpstreamHttpOptions',
  [`${UPSTREAM_OPTIONS}.ExplicitHttpConfig`]: 'ExplicitHttpConfig',
  'envoy.extensions.filters.http.rbac.v3.RBAC': 'HttpRbac',
  'envoy.extensions.filters.network.rbac.v3.RBAC': 'NetworkRbac',
  [`${UPSTREAM_OPTIONS}.UseDownstreamHttpConfig`]: 'UseDownstreamHttpConfig',
}

const ENVOY: ModuleSource = {
  module: 'envoy',
  messages: [...new Set([...DISCOVERY, ...FOR_OTHER_CLIENTS, ...OF_POLICIES, ...SERVED.keys()])].map(
    (name) => {
      const alias = ALIASES[name]
      return alias === undefined ? name : [name, alias]
    },
  ),
}

const OTLP: ModuleSource = {
  module: 'otlp',
  files: [
    'opentelemetry/proto/collector/trace/v1/trace_service.proto',
    'opentelemetry/proto/collector/metrics/v1/metrics_service.proto',
    'opentelemetry/proto/collector/logs/v1/logs_service.proto',
  ],
  messages: 'all',
}

/** Our own: every file of `core/proto/weft/`. */
const WEFT: ModuleSource = { module: 'weft', files: ['weft/'], messages: 'all' }

/** What Prometheus reads, where it asks for protobuf. */
const PROMETHEUS: ModuleSource = {
  module: 'prometheus',
  files: ['io/prometheus/client/metrics.proto'],
  messages: 'all',
}

export const MODULES: readonly ModuleSource[] = [ENVOY, OTLP, WEFT, PROMETHEUS]
