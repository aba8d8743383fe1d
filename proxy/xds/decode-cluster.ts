import { unpacked } from '../../core/xds/any.ts'
import {
  METADATA,
  METADATA_CLIENT_AFFINITY,
  METADATA_IDENTITY,
  METADATA_MAX_RESPONSE_HEADERS_KB,
  METADATA_SERVICE,
  METADATA_TRANSPORT_MATCH,
  METADATA_OWNER,
  METADATA_WORKLOAD,
} from '../../core/contract.ts'
import {
  UpstreamHttpOptions,
  type Cluster as WireCluster,
  type ClusterLoadAssignment,
  type HealthStatus,
  type Http2ProtocolOptions,
  type HttpProtocolOptions,
  type LbEndpoint,
  type LocalityLbEndpoints,
} from '../../core/xds/generated/envoy.js'
import type { Cluster, Endpoint, EndpointAssignment, UpstreamSocket } from '../model/cluster.ts'
import { decodeBalancing } from './decode-balancing.ts'
import { decodeNumber, decodeText, decodeTexts, textsOf } from './decode-metadata.ts'
import { decodeHealthCheck } from './decode-health-check.ts'
import { decodeOutlierDetection } from './decode-outlier-detection.ts'
import { decodeHeadLimits, decodeHttp2KeepAlive, decodeTcpKeepAlive } from './decode-protocol-options.ts'
import type { ReadFile } from './decode-tls.ts'
import { decodeUpstreamSocket } from './decode-upstream-socket.ts'
import type { Scope } from './scope.ts'

// Envoy's defaults for circuit breakers are 1024 each; its connect timeout is 5 s.
const LIMIT = 1024
const CONNECT_MS = 5000
/** Under the 5 s after which a Node server closes an idle connection. */
const IDLE_MS = 4000
/** Envoy's default. */
const IDLE_HTTP2_MS = 3_600_000

/** envoy.config.cluster.v3.Cluster */
export function decodeCluster(cluster: WireCluster, scope: Scope, readFile: ReadFile): Cluster {
  const thresholds = cluster.circuitBreakers?.thresholds ?? []
  if (thresholds.length > 1)
    scope
      .at('circuit_breakers')
      .at('thresholds', 1)
      .fail('is one too many: there is the priority DEFAULT alone')
  const [breakers] = thresholds
  const budget = breakers?.retryBudget
  const http = decodeHttp(cluster, scope)
  const { idleTimeout, maxHeadersCount } = http.common ?? {}
  return {
    name: cluster.name ?? '',
    discovery: decodeDiscovery(cluster, scope),
    connectTimeoutMs: cluster.connectTimeout ?? CONNECT_MS,
    balancing: decodeBalancing(cluster, scope),
    http: http.protocol,
    ...offering(
      http.protocol,
      decodeUpstreamSocket(cluster.transportSocket, scope.at('transport_socket'), readFile),
    ),
    socketMatches: (cluster.transportSocketMatches ?? []).map((match, i) => {
      const at = scope.at('transport_socket_matches', i)
      return {
        name: match.name ?? '',
        metadata: textsOf(match.match, at.at('match')),
        ...offering(
          http.protocol,
          decodeUpstreamSocket(match.transportSocket, at.at('transport_socket'), readFile),
        ),
      }
    }),
    limits: {
      maxConnections: breakers?.maxConnections ?? LIMIT,
      maxOpaqueConnections: breakers?.maxConnections,
      maxPendingRequests: breakers?.maxPendingRequests ?? LIMIT,
      maxRequests: breakers?.maxRequests ?? LIMIT,
      maxRetries: breakers?.maxRetries,
    },
    outliers: decodeOutlierDetection(cluster, scope),
    healthCheck: decodeHealthCheck(cluster, http.protocol, scope),
    retryBudget: {
      percent: budget?.budgetPercent?.value ?? 20,
      // Envoy bounds retries that run at once; ours counts them by the second. 10 is GEP-3388's floor.
      minPerSecond: budget?.minRetryConcurrency ?? 10,
    },
    idleTimeoutMs: idleTimeout ?? IDLE_MS,
    idleTimeoutHttp2Ms: idleTimeout ?? IDLE_HTTP2_MS,
    headLimits: decodeHeadLimits(
      {
        value: decodeNumber(cluster.metadata, METADATA, METADATA_MAX_RESPONSE_HEADERS_KB, scope),
        at: scope.at('metadata').at(`filter_metadata[${METADATA}]`).at(METADATA_MAX_RESPONSE_HEADERS_KB),
      },
      {
        value: maxHeadersCount,
        at: http.at.at('common_http_protocol_options').at('max_headers_count'),
      },
    ),
    keepAlive: decodeHttp2KeepAlive(http.http2, http.http2At),
    tcpKeepAlive: decodeTcpKeepAlive(
      cluster.upstreamConnectionOptions,
      scope.at('upstream_connection_options'),
    ),
    clientAffinityMs: decodeAffinity(cluster, scope),
    service: decodeText(cluster.metadata, METADATA, METADATA_SERVICE, scope),
  }
}

function decodeAffinity(cluster: WireCluster, scope: Scope): number | undefined {
  const affinityMs = decodeNumber(cluster.metadata, METADATA, METADATA_CLIENT_AFFINITY, scope)
  if (affinityMs === undefined || affinityMs > 0) return affinityMs
  scope
    .at('metadata')
    .at(`filter_metadata[${METADATA}]`)
    .at(METADATA_CLIENT_AFFINITY)
    .fail('must be above 0: leave it out for none')
  return undefined
}

/** HTTP/2 over TLS is asked for by ALPN (RFC 9113 section 3.2), also where the configuration names no protocols. */
function offering(protocol: Cluster['http'], socket: UpstreamSocket): UpstreamSocket {
  const { tls } = socket
  if (!tls || protocol !== 'http2' || tls.alpn.length > 0) return socket
  return { ...socket, tls: { ...tls, alpn: ['h2'] } }
}

/** What a cluster says of HTTP, and where. */
interface Http {
  readonly protocol: Cluster['http']
  readonly common: HttpProtocolOptions | undefined
  readonly http2: Http2ProtocolOptions | undefined
  /** Of `http2`, and of what holds `common_http_protocol_options`. */
  readonly http2At: Scope
  readonly at: Scope
}

/** Of the options by type, or of the cluster's own older fields, which Envoy does not look at beside them. */
function decodeHttp(cluster: WireCluster, scope: Scope): Http {
  const options = unpacked(
    cluster.typedExtensionProtocolOptions?.[UpstreamHttpOptions.typeName],
    UpstreamHttpOptions,
  )
  if (!options)
    return {
      protocol: cluster.http2ProtocolOptions ? 'http2' : 'http1',
      common: cluster.commonHttpProtocolOptions,
      http2: cluster.http2ProtocolOptions,
      http2At: scope.at('http2_protocol_options'),
      at: scope,
    }
  const at = scope.at(`typed_extension_protocol_options[${UpstreamHttpOptions.typeName}]`)
  const { explicitHttpConfig: explicit, useDownstreamProtocolConfig: downstream } = options
  const chosen = explicit ? 'explicit_http_config' : 'use_downstream_protocol_config'
  if (explicit && !explicit.httpProtocolOptions && !explicit.http2ProtocolOptions)
    at.at(chosen).fail('needs http_protocol_options or http2_protocol_options')
  const why = 'excludes typed_extension_protocol_options: keep that'
  if (cluster.http2ProtocolOptions) scope.at('http2_protocol_options').fail(why)
  if (cluster.commonHttpProtocolOptions) scope.at('common_http_protocol_options').fail(why)
  return {
    protocol: explicit?.http2ProtocolOptions ? 'http2' : downstream ? 'downstream' : 'http1',
    common: options.commonHttpProtocolOptions,
    http2: (explicit ?? downstream)?.http2ProtocolOptions,
    http2At: at.at(chosen).at('http2_protocol_options'),
    at,
  }
}

function decodeDiscovery(cluster: WireCluster, scope: Scope): Cluster['discovery'] {
  const name = cluster.name ?? ''
  const { type = 'STATIC', edsClusterConfig, loadAssignment } = cluster
  if (edsClusterConfig && type !== 'EDS') scope.at('eds_cluster_config').fail('belongs to type EDS')
  if (loadAssignment && type !== 'STATIC' && type !== 'STRICT_DNS')
    scope.at('load_assignment').fail('belongs to type STATIC or STRICT_DNS')
  if (type === 'EDS') return { kind: 'eds', serviceName: edsClusterConfig?.serviceName || name }
  if (type === 'ORIGINAL_DST') return { kind: 'original-dst' }
  if (!loadAssignment) scope.at('load_assignment').fail('is required for STATIC and STRICT_DNS')
  const { clusterName, endpoints } = decodeAssignment(loadAssignment ?? {}, scope.at('load_assignment'))
  return { kind: type === 'STRICT_DNS' ? 'dns' : 'static', assignment: clusterName, endpoints }
}

/** envoy.config.endpoint.v3.ClusterLoadAssignment; each endpoint has the locality and priority that it stands in. */
export function decodeAssignment(assignment: ClusterLoadAssignment, scope: Scope): EndpointAssignment {
  return {
    clusterName: assignment.clusterName ?? '',
    endpoints: (assignment.endpoints ?? []).flatMap((group, i) => {
      const at = scope.at('endpoints', i)
      const place = decodePlace(group, at)
      return (group.lbEndpoints ?? []).map((endpoint, j) => ({
        ...decodeEndpoint(endpoint, at.at('lb_endpoints', j)),
        ...place,
      }))
    }),
  }
}

/** Highest priority of xDS, the last to be used. */
const LAST_PRIORITY = 128

function decodePlace(
  { priority = 0, locality, loadBalancingWeight: weight = 0 }: LocalityLbEndpoints,
  at: Scope,
): Pick<Endpoint, 'priority' | 'locality'> {
  if (priority > LAST_PRIORITY) at.at('priority').fail(`must be ${LAST_PRIORITY} at most`)
  const { region = '', zone = '', subZone = '' } = locality ?? {}
  return {
    ...(priority === 0 ? {} : { priority }),
    ...(locality || weight > 0 ? { locality: { region, zone, subZone, weight } } : {}),
  }
}

function decodeEndpoint(endpoint: LbEndpoint, scope: Scope): Endpoint {
  const { address = '', portValue = 0 } = endpoint.endpoint?.address?.socketAddress ?? {}
  if (portValue === 0)
    scope.at('endpoint').at('address').at('socket_address').at('port_value').fail('must be above 0')
  const { metadata } = endpoint
  return {
    address,
    port: portValue,
    weight: endpoint.loadBalancingWeight ?? 1,
    health: HEALTH[endpoint.healthStatus ?? 'UNKNOWN'],
    transportMatch: decodeTexts(metadata, METADATA_TRANSPORT_MATCH, scope),
    identity: decodeText(metadata, METADATA, METADATA_IDENTITY, scope),
    workload: decodeText(metadata, METADATA, METADATA_WORKLOAD, scope),
    owner: decodeText(metadata, METADATA, METADATA_OWNER, scope),
  }
}

/** By health_status; DEGRADED is not served. */
const HEALTH: Readonly<Record<HealthStatus, Endpoint['health']>> = {
  UNKNOWN: 'healthy',
  HEALTHY: 'healthy',
  DEGRADED: 'healthy',
  DRAINING: 'draining',
  UNHEALTHY: 'unhealthy',
  TIMEOUT: 'unhealthy',
}
