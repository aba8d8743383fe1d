/** What `generate.ts` makes codecs for: one module of `generated/` each. */
export interface ModuleSource {
  readonly module: string
  /** .proto files, as they are imported. */
  readonly files: readonly string[]
  /**
   * Full names of the messages, services and their aliases (where two packages use one name). Messages
   * that are referred to and not listed stay bytes, and strict decoding refuses them by their field's name.
   * `all`: every message and service of the files.
   */
  readonly messages: 'all' | readonly (string | readonly [fullName: string, alias: string])[]
}

const ENVOY: ModuleSource = {
  module: 'envoy',
  files: [
    'envoy/service/discovery/v3/ads.proto',
    'envoy/config/listener/v3/listener.proto',
    'envoy/config/route/v3/route.proto',
    'envoy/config/cluster/v3/cluster.proto',
    'envoy/config/endpoint/v3/endpoint.proto',
    'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
    'envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto',
    'envoy/extensions/filters/http/router/v3/router.proto',
    'envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto',
    'envoy/extensions/filters/listener/http_inspector/v3/http_inspector.proto',
    'envoy/extensions/filters/listener/original_dst/v3/original_dst.proto',
    'envoy/extensions/transport_sockets/tls/v3/tls.proto',
    'envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto',
    'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
    'envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto',
    'envoy/config/bootstrap/v3/bootstrap.proto',
  ],
  messages: [
    'google.protobuf.Any',
    'google.rpc.Status',
    'envoy.service.discovery.v3.AggregatedDiscoveryService',
    'envoy.service.discovery.v3.DiscoveryRequest',
    'envoy.service.discovery.v3.DiscoveryResponse',
    'envoy.service.discovery.v3.DeltaDiscoveryRequest',
    'envoy.service.discovery.v3.DeltaDiscoveryResponse',
    'envoy.service.discovery.v3.Resource',
    'envoy.service.discovery.v3.ResourceName',

    'envoy.config.core.v3.Address',
    'envoy.config.core.v3.AggregatedConfigSource',
    'envoy.config.core.v3.ApiConfigSource',
    'envoy.config.core.v3.BuildVersion',
    'envoy.config.core.v3.ConfigSource',
    'envoy.config.core.v3.DataSource',
    'envoy.config.core.v3.GrpcService',
    'envoy.config.core.v3.GrpcService.EnvoyGrpc',
    'envoy.config.core.v3.HeaderValue',
    'envoy.config.core.v3.HeaderValueOption',
    'envoy.config.core.v3.Http1ProtocolOptions',
    'envoy.config.core.v3.Http2ProtocolOptions',
    'envoy.config.core.v3.HttpProtocolOptions',
    'envoy.config.core.v3.Locality',
    'envoy.config.core.v3.Metadata',
    'envoy.config.core.v3.Node',
    'envoy.config.core.v3.RuntimeFractionalPercent',
    'envoy.config.core.v3.SelfConfigSource',
    'envoy.config.core.v3.SocketAddress',
    'envoy.config.core.v3.TransportSocket',
    'envoy.type.v3.FractionalPercent',
    'envoy.type.v3.Int64Range',
    'envoy.type.v3.Percent',
    'envoy.type.v3.SemanticVersion',
    'envoy.type.matcher.v3.RegexMatcher',
    'envoy.type.matcher.v3.RegexMatchAndSubstitute',
    'envoy.type.matcher.v3.StringMatcher',

    'envoy.config.listener.v3.ApiListener',
    'envoy.config.listener.v3.Filter',
    'envoy.config.listener.v3.FilterChain',
    'envoy.config.listener.v3.FilterChainMatch',
    'envoy.config.listener.v3.Listener',
    'envoy.config.listener.v3.ListenerFilter',
    'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
    'envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
    'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.SetCurrentClientCertDetails',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter',
    'envoy.extensions.filters.network.http_connection_manager.v3.Rds',
    'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster',
    'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight',
    'envoy.extensions.filters.http.router.v3.Router',
    'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
    'envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext',
    'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext',
    'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext',
    'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
    'envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig',
    'envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher',
    'envoy.extensions.transport_sockets.tls.v3.TlsCertificate',
    'envoy.extensions.transport_sockets.tls.v3.TlsParameters',
    'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',

    'envoy.config.route.v3.DirectResponseAction',
    'envoy.config.route.v3.HeaderMatcher',
    'envoy.config.route.v3.QueryParameterMatcher',
    'envoy.config.route.v3.RedirectAction',
    'envoy.config.route.v3.RetryPolicy',
    'envoy.config.route.v3.RetryPolicy.RetryBackOff',
    'envoy.config.route.v3.RetryPolicy.RetryHostPredicate',
    'envoy.config.route.v3.Route',
    'envoy.config.route.v3.RouteAction',
    'envoy.config.route.v3.RouteAction.MaxStreamDuration',
    'envoy.config.route.v3.RouteAction.RequestMirrorPolicy',
    'envoy.config.route.v3.RouteAction.UpgradeConfig',
    'envoy.config.route.v3.RouteConfiguration',
    'envoy.config.route.v3.RouteMatch',
    'envoy.config.route.v3.RouteMatch.ConnectMatcher',
    'envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions',
    'envoy.config.route.v3.VirtualHost',
    'envoy.config.route.v3.WeightedCluster',
    'envoy.config.route.v3.WeightedCluster.ClusterWeight',
    'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',

    'envoy.config.cluster.v3.CircuitBreakers',
    'envoy.config.cluster.v3.CircuitBreakers.Thresholds',
    'envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget',
    'envoy.config.cluster.v3.Cluster',
    'envoy.config.cluster.v3.Cluster.EdsClusterConfig',
    'envoy.config.cluster.v3.Cluster.OriginalDstLbConfig',
    'envoy.config.cluster.v3.Cluster.TransportSocketMatch',
    'envoy.config.endpoint.v3.ClusterLoadAssignment',
    'envoy.config.endpoint.v3.Endpoint',
    'envoy.config.endpoint.v3.LbEndpoint',
    'envoy.config.endpoint.v3.LocalityLbEndpoints',
    // Two messages of one name.
    ['envoy.extensions.upstreams.http.v3.HttpProtocolOptions', 'UpstreamHttpOptions'],
    ['envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig', 'ExplicitHttpConfig'],
    [
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig',
      'UseDownstreamHttpConfig',
    ],

    'envoy.config.bootstrap.v3.Admin',
    'envoy.config.bootstrap.v3.Bootstrap',
    'envoy.config.bootstrap.v3.Bootstrap.DynamicResources',
    'envoy.config.bootstrap.v3.Bootstrap.StaticResources',
  ],
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
