import {
  HttpConnectionManager as WireManager,
  HttpInspector,
  OriginalDst,
  Router,
  TcpProxy as WireTcpProxy,
  TlsInspector,
  type FilterChain as WireChain,
  type Listener as WireListener,
  type TrafficDirection,
} from '../../core/xds/generated/envoy.js'
import { holds } from '../../core/xds/any.ts'
import type { FilterChain, HttpConnectionManager, Listener, TcpProxy } from '../model/listener.ts'
import type { PathRules } from '../model/path-rules.ts'
import { decodePathParameters, decodePathRules } from './decode-paths.ts'
import { decodeRouteConfiguration } from './decode-route.ts'
import { decodeDownstreamTls, type ReadFile } from './decode-tls.ts'
import type { Scope } from './scope.ts'

// Envoy's defaults, but for detection: 15 s of silence would be a hang to a server-first protocol.
const DETECT_MS = 5000
const STREAM_IDLE_MS = 300_000
const IDLE_MS = 3_600_000
const HEADERS_MS = 60_000
const MAX_HEADERS_KIB = 60
const MAX_STREAMS = 1000

/** What a listener says for all of its chains. */
interface ForAllChains {
  readonly direction: TrafficDirection | undefined
  readonly pathParameters: PathRules['parameters'] | undefined
}

/** envoy.config.listener.v3.Listener */
export function decodeListener(listener: WireListener, scope: Scope, readFile: ReadFile): Listener {
  scope.only(
    listener,
    'name',
    'address',
    'statPrefix',
    'filterChains',
    'defaultFilterChain',
    'listenerFilters',
    'listenerFiltersTimeout',
    'continueOnListenerFiltersTimeout',
    'trafficDirection',
    'useOriginalDst',
    'bindToPort',
    'enableReusePort',
    'apiListener',
    'metadata',
  )
  let inspectTls = false
  let inspectHttp = false
  let useOriginalDst = listener.useOriginalDst ?? false
  listener.listenerFilters?.forEach((filter, i) => {
    const config = filter.typedConfig
    if (config && holds(config, TlsInspector)) inspectTls = true
    else if (config && holds(config, HttpInspector)) inspectHttp = true
    else if (config && holds(config, OriginalDst)) useOriginalDst = true
    else scope.at('listener_filters', i).fail('must be tls_inspector, http_inspector or original_dst')
  })
  const forAll: ForAllChains = {
    direction: listener.trafficDirection,
    pathParameters: decodePathParameters(listener.metadata, scope.at('metadata')),
  }
  const chain = (wire: WireChain, at: Scope) => decodeChain(wire, at, forAll, readFile)
  const socketAddress = listener.address?.socketAddress
  const bound = socketAddress !== undefined && listener.bindToPort !== false
  return {
    name: listener.name ?? '',
    address: bound
      ? { host: socketAddress.address ?? '0.0.0.0', port: socketAddress.portValue ?? 0 }
      : undefined,
    inspectTls,
    inspectHttp,
    useOriginalDst,
    detectTimeoutMs: listener.listenerFiltersTimeout || DETECT_MS,
    filterChains: (listener.filterChains ?? []).flatMap(
      (wire, i) => chain(wire, scope.at('filter_chains', i)) ?? [],
    ),
    defaultFilterChain: listener.defaultFilterChain
      ? chain(listener.defaultFilterChain, scope.at('default_filter_chain'))
      : undefined,
  }
}

function decodeChain(
  chain: WireChain,
  scope: Scope,
  forAll: ForAllChains,
  readFile: ReadFile,
): FilterChain | undefined {
  scope.only(chain, 'name', 'filterChainMatch', 'filters', 'transportSocket', 'transportSocketConnectTimeout')
  const match = chain.filterChainMatch ?? {}
  scope
    .at('filter_chain_match')
    .only(match, 'destinationPort', 'serverNames', 'transportProtocol', 'applicationProtocols')
  const transport = match.transportProtocol || undefined
  if (transport !== undefined && transport !== 'tls' && transport !== 'raw_buffer')
    scope.at('filter_chain_match').at('transport_protocol').fail('must be tls or raw_buffer')
  const network = decodeNetworkFilter(chain, scope, forAll)
  if (!network) return undefined
  return {
    name: chain.name ?? '',
    match: {
      destinationPort: match.destinationPort || undefined,
      serverNames: (match.serverNames ?? []).map((name) => name.toLowerCase()),
      transportProtocol: transport === 'tls' || transport === 'raw_buffer' ? transport : undefined,
      applicationProtocols: match.applicationProtocols ?? [],
    },
    tls: decodeDownstreamTls(chain.transportSocket, scope.at('transport_socket'), readFile),
    network,
  }
}

function decodeNetworkFilter(
  chain: WireChain,
  scope: Scope,
  forAll: ForAllChains,
): FilterChain['network'] | undefined {
  const filters = chain.filters ?? []
  const config = filters[0]?.typedConfig
  if (filters.length !== 1 || !config) {
    scope.at('filters').fail('must hold exactly one filter: http_connection_manager or tcp_proxy')
    return undefined
  }
  const at = scope.at('filters', 0).at('typed_config')
  if (holds(config, WireManager)) {
    const manager = at.unpack(config, WireManager)
    return manager && decodeManager(manager, at, forAll)
  }
  if (holds(config, WireTcpProxy)) {
    const proxy = at.unpack(config, WireTcpProxy)
    return proxy && decodeTcpProxy(proxy, at)
  }
  at.fail(`${config.typeUrl ?? 'nothing'} is no filter that is known here`)
  return undefined
}

export function decodeManager(
  manager: WireManager,
  scope: Scope,
  { direction, pathParameters }: ForAllChains,
): HttpConnectionManager {
  scope.only(
    manager,
    'codecType',
    'statPrefix',
    'rds',
    'routeConfig',
    'httpFilters',
    'tracing',
    'commonHttpProtocolOptions',
    'http2ProtocolOptions',
    'httpProtocolOptions',
    'maxRequestHeadersKb',
    'streamIdleTimeout',
    'requestHeadersTimeout',
    'forwardClientCertDetails',
    'setCurrentClientCertDetails',
    'upgradeConfigs',
    'normalizePath',
    'mergeSlashes',
    'pathWithEscapedSlashesAction',
  )
  manager.httpFilters?.forEach((filter, i) => {
    if (!filter.typedConfig || !holds(filter.typedConfig, Router))
      scope.at('http_filters', i).fail('only router is known here')
  })
  const codecs = { AUTO: 'auto', HTTP1: 'http1', HTTP2: 'http2', HTTP3: undefined } as const
  const codec = codecs[manager.codecType ?? 'AUTO']
  if (!codec) scope.at('codec_type').unsupported()
  const forwards = {
    SANITIZE: 'sanitize',
    FORWARD_ONLY: 'forward_only',
    APPEND_FORWARD: 'append_forward',
    SANITIZE_SET: 'sanitize_set',
    ALWAYS_FORWARD_ONLY: 'forward_only',
  } as const
  const tracing = manager.tracing
  const sampling = tracing ? (tracing.randomSampling?.value ?? 100) : 0
  if (!manager.rds && !manager.routeConfig) scope.fail('needs rds or route_config')
  return {
    kind: 'http',
    statPrefix: manager.statPrefix ?? '',
    codec: codec ?? 'auto',
    route: manager.routeConfig
      ? { kind: 'inline', config: decodeRouteConfiguration(manager.routeConfig, scope.at('route_config')) }
      : { kind: 'rds', name: manager.rds?.routeConfigName ?? '' },
    forwardClientCert: forwards[manager.forwardClientCertDetails ?? 'SANITIZE'],
    traffic: direction === 'INBOUND' ? 'inbound' : direction === 'OUTBOUND' ? 'outbound' : undefined,
    paths: decodePathRules(manager, pathParameters),
    samplingPercent: Math.min(sampling, tracing?.overallSampling?.value ?? 100),
    streamIdleTimeoutMs: manager.streamIdleTimeout ?? STREAM_IDLE_MS,
    requestHeadersTimeoutMs: manager.requestHeadersTimeout ?? HEADERS_MS,
    idleTimeoutMs: manager.commonHttpProtocolOptions?.idleTimeout ?? IDLE_MS,
    maxRequestHeadersKiB: manager.maxRequestHeadersKb ?? MAX_HEADERS_KIB,
    maxConcurrentStreams: manager.http2ProtocolOptions?.maxConcurrentStreams ?? MAX_STREAMS,
  }
}

function decodeTcpProxy(proxy: WireTcpProxy, scope: Scope): TcpProxy {
  scope.only(proxy, 'statPrefix', 'cluster', 'weightedClusters', 'idleTimeout', 'maxConnectAttempts')
  const clusters = proxy.cluster
    ? [{ cluster: proxy.cluster, weight: 1 }]
    : (proxy.weightedClusters?.clusters ?? []).map(({ name, weight }) => ({
        cluster: name ?? '',
        weight: weight ?? 0,
      }))
  if (!clusters.some(({ weight }) => weight > 0))
    scope.fail('needs cluster, or weighted_clusters with a weight above 0')
  return {
    kind: 'tcp',
    statPrefix: proxy.statPrefix ?? '',
    clusters,
    idleTimeoutMs: proxy.idleTimeout ?? IDLE_MS,
  }
}
