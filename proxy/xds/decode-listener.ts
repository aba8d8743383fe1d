import {
  HttpConnectionManager as WireManager,
  HttpInspector,
  OriginalDst,
  TcpProxy as WireTcpProxy,
  TlsInspector,
  type FilterChain as WireChain,
  type Listener as WireListener,
  type TrafficDirection,
} from '../../core/xds/generated/envoy.js'
import {
  METADATA,
  METADATA_KEEP_HALF_CLOSED,
  METADATA_LOWER_CASE_FIELDS,
  METADATA_PRIORITY_HEADER,
  METADATA_SANITIZE_FORWARDED,
} from '../../core/contract.ts'
import { unpacked } from '../../core/xds/any.ts'
import type { MessageType } from '../../core/xds/codec.ts'
import type {
  FilterChain,
  ForwardedRules,
  HttpConnectionManager,
  Listener,
  TcpProxy,
} from '../model/listener.ts'
import type { PathRules } from '../model/path-rules.ts'
import { checkRouteFilters, decodeHttpFilters, decodeNetworkFilters } from './decode-filters.ts'
import { decodeFlag, decodeText } from './decode-metadata.ts'
import { decodeHeadLimits, decodeHttp2KeepAlive } from './decode-protocol-options.ts'
import type { ListenerSettings } from '../steps/step.ts'
import { decodePathParameters, decodePathRules } from './decode-paths.ts'
import { backendCluster } from './decode-route-action.ts'
import { decodeTelemetry } from './decode-telemetry.ts'
import { decodeTrust } from './decode-trust.ts'
import { decodeRouteConfiguration } from './decode-route.ts'
import { decodeDownstreamTls, type ReadFile } from './decode-tls.ts'
import { decodeAudit, decodeOpenConnections } from './decode-authorization.ts'
import type { Scope } from './scope.ts'

// Envoy's defaults, but for detection: 15 s of silence would be a hang to a server-first protocol.
const DETECT_MS = 5000
const STREAM_IDLE_MS = 300_000
const IDLE_MS = 3_600_000
const HEADERS_MS = 60_000
const MAX_STREAMS = 1000

/** What a listener says for all of its chains. */
interface ForAllChains {
  readonly direction: TrafficDirection | undefined
  readonly pathParameters: PathRules['parameters'] | undefined
  readonly keepHalfClosed: boolean
  readonly lowerCaseFields: boolean
  readonly sanitizeForwarded: boolean
  readonly filters: ListenerSettings
}

/** envoy.config.listener.v3.Listener */
export function decodeListener(listener: WireListener, scope: Scope, readFile: ReadFile): Listener {
  const filters = listener.listenerFilters ?? []
  const has = (type: MessageType<unknown>): boolean =>
    filters.some(({ typedConfig }) => unpacked(typedConfig, type) !== undefined)
  const forAll: ForAllChains = {
    direction: listener.trafficDirection,
    pathParameters: decodePathParameters(listener.metadata, scope.at('metadata')),
    keepHalfClosed: decodeFlag(listener.metadata, METADATA, METADATA_KEEP_HALF_CLOSED, scope),
    lowerCaseFields: decodeFlag(listener.metadata, METADATA, METADATA_LOWER_CASE_FIELDS, scope),
    sanitizeForwarded: decodeFlag(listener.metadata, METADATA, METADATA_SANITIZE_FORWARDED, scope),
    filters: {
      priorityHeader: decodeText(listener.metadata, METADATA, METADATA_PRIORITY_HEADER, scope).toLowerCase(),
      audit: decodeAudit(listener.metadata, scope),
    },
  }
  const chain = (wire: WireChain, at: Scope) => decodeChain(wire, at, forAll, readFile)
  const socketAddress = listener.address?.socketAddress
  const bound = socketAddress !== undefined && listener.bindToPort !== false
  return {
    name: listener.name ?? '',
    address: bound
      ? { host: socketAddress.address ?? '0.0.0.0', port: socketAddress.portValue ?? 0 }
      : undefined,
    inspectTls: has(TlsInspector),
    inspectHttp: has(HttpInspector),
    listenerFilters: filters.map(({ name }) => name ?? ''),
    trust: decodeTrust(listener.metadata, scope),
    telemetry: decodeTelemetry(listener.metadata, scope),
    useOriginalDst: listener.useOriginalDst || has(OriginalDst),
    detectTimeoutMs: listener.listenerFiltersTimeout ?? DETECT_MS,
    openConnectionsMs: decodeOpenConnections(listener.metadata, scope),
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
  const match = chain.filterChainMatch ?? {}
  const transport = match.transportProtocol
  const network = decodeNetwork(chain, scope, forAll)
  if (!network) return undefined
  return {
    name: chain.name ?? '',
    match: {
      destinationPort: match.destinationPort || undefined,
      serverNames: (match.serverNames ?? []).map((name) => name.toLowerCase()),
      transportProtocol: transport === 'tls' || transport === 'raw_buffer' ? transport : undefined,
      applicationProtocols: match.applicationProtocols ?? [],
    },
    transportSocket: chain.transportSocket?.name,
    tls: decodeDownstreamTls(chain.transportSocket, scope.at('transport_socket'), readFile),
    filters: decodeNetworkFilters((chain.filters ?? []).slice(0, -1), scope, forAll.filters),
    network,
  }
}

/** The last of the chain's filters, which takes the connection. */
function decodeNetwork(
  { filters = [] }: WireChain,
  scope: Scope,
  forAll: ForAllChains,
): FilterChain['network'] | undefined {
  const last = filters.at(-1)
  const at = scope.at('filters', filters.length - 1)
  const name = last?.name ?? ''
  const manager = unpacked(last?.typedConfig, WireManager)
  if (manager) return decodeManager(name, manager, at.at('typed_config'), forAll)
  const proxy = unpacked(last?.typedConfig, WireTcpProxy)
  if (proxy) return decodeTcpProxy(name, proxy, at.at('typed_config'))
  if (last) at.fail('must be http_connection_manager or tcp_proxy: one of them ends the list')
  return undefined
}

function decodeManager(
  name: string,
  manager: WireManager,
  scope: Scope,
  forAll: ForAllChains,
): HttpConnectionManager {
  const { direction, pathParameters, keepHalfClosed, lowerCaseFields, sanitizeForwarded } = forAll
  // HTTP3 is not served.
  const codecs = { AUTO: 'auto', HTTP1: 'http1', HTTP2: 'http2', HTTP3: 'auto' } as const
  const forwards = {
    SANITIZE: 'sanitize',
    FORWARD_ONLY: 'forward_only',
    APPEND_FORWARD: 'append_forward',
    SANITIZE_SET: 'sanitize_set',
    ALWAYS_FORWARD_ONLY: 'always_forward_only',
  } as const
  const formatter = manager.httpProtocolOptions?.headerKeyFormat?.statefulFormatter
  const tracing = manager.tracing
  const common = manager.commonHttpProtocolOptions
  const sampling = tracing ? (tracing.randomSampling?.value ?? 100) : 0
  if (!manager.rds && !manager.routeConfig) scope.fail('needs rds or route_config')
  const { filters, router } = decodeHttpFilters(manager.httpFilters ?? [], scope, forAll.filters)
  const at = scope.at('route_config')
  const inline = manager.routeConfig && decodeRouteConfiguration(manager.routeConfig, at)
  if (inline) checkRouteFilters(inline, filters, at)
  return {
    kind: 'http',
    name,
    router,
    statPrefix: manager.statPrefix ?? '',
    codec: codecs[manager.codecType ?? 'AUTO'],
    route: inline
      ? { kind: 'inline', config: inline }
      : { kind: 'rds', name: manager.rds?.routeConfigName ?? '' },
    filters,
    forwardClientCert: forwards[manager.forwardClientCertDetails ?? 'SANITIZE'],
    forwarded: decodeForwarded(manager, sanitizeForwarded),
    traffic: direction === 'INBOUND' ? 'inbound' : direction === 'OUTBOUND' ? 'outbound' : undefined,
    paths: decodePathRules(manager, pathParameters),
    keepHalfClosed,
    // It has one value, which keeps them.
    keepFieldCase: formatter !== undefined || !lowerCaseFields,
    fieldFormatter: formatter?.name,
    samplingPercent: Math.min(sampling, tracing?.overallSampling?.value ?? 100),
    streamIdleTimeoutMs: manager.streamIdleTimeout ?? STREAM_IDLE_MS,
    requestHeadersTimeoutMs: manager.requestHeadersTimeout ?? HEADERS_MS,
    requestTimeoutMs: manager.requestTimeout ?? 0,
    idleTimeoutMs: common?.idleTimeout ?? IDLE_MS,
    headLimits: decodeHeadLimits(
      { value: manager.maxRequestHeadersKb, at: scope.at('max_request_headers_kb') },
      {
        value: common?.maxHeadersCount,
        at: scope.at('common_http_protocol_options').at('max_headers_count'),
      },
    ),
    maxConcurrentStreams: manager.http2ProtocolOptions?.maxConcurrentStreams ?? MAX_STREAMS,
    keepAlive: decodeHttp2KeepAlive(manager.http2ProtocolOptions, scope.at('http2_protocol_options')),
  }
}

function decodeForwarded(manager: WireManager, sanitizes: boolean): ForwardedRules | undefined {
  const says = manager.useRemoteAddress ?? false
  if (!says && !sanitizes) return undefined
  const appends = !(manager.skipXffAppend ?? false)
  return { says, appends, sanitizes, trustedHops: manager.xffNumTrustedHops ?? 0 }
}

function decodeTcpProxy(name: string, proxy: WireTcpProxy, scope: Scope): TcpProxy {
  const clusters = proxy.cluster
    ? [{ cluster: backendCluster(proxy.cluster), weight: 1 }]
    : (proxy.weightedClusters?.clusters ?? []).map(({ name, weight }) => ({
        cluster: backendCluster(name ?? ''),
        weight: weight ?? 0,
      }))
  if (!clusters.some(({ weight }) => weight > 0))
    scope.fail('needs cluster, or weighted_clusters with a weight above 0')
  return {
    kind: 'tcp',
    name,
    statPrefix: proxy.statPrefix ?? '',
    clusters,
    idleTimeoutMs: proxy.idleTimeout ?? IDLE_MS,
  }
}
