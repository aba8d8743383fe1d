import {
  METADATA,
  METADATA_IDENTITY,
  METADATA_SERVICE,
  METADATA_TRANSPORT_MATCH,
  METADATA_WORKLOAD,
} from '../../core/contract.ts'
import {
  UpstreamHttpOptions,
  type Cluster as WireCluster,
  type ClusterLoadAssignment,
  type LbEndpoint,
} from '../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../core/xds/well-known.ts'
import type { Cluster, Endpoint, EndpointAssignment } from '../model/cluster.ts'
import { decodeUpstreamTls, type ReadFile } from './decode-tls.ts'
import type { Scope } from './scope.ts'

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
// Envoy's defaults for circuit breakers are 1024 each; its connect timeout is 5 s.
const LIMIT = 1024
const CONNECT_MS = 5000
/** Under the 5 s after which a Node server closes an idle connection. */
const IDLE_MS = 4000

/** envoy.config.cluster.v3.Cluster */
export function decodeCluster(cluster: WireCluster, scope: Scope, readFile: ReadFile): Cluster {
  scope.only(
    cluster,
    'name',
    'type',
    'edsClusterConfig',
    'connectTimeout',
    'lbPolicy',
    'loadAssignment',
    'circuitBreakers',
    'commonHttpProtocolOptions',
    'typedExtensionProtocolOptions',
    'transportSocket',
    'transportSocketMatches',
    'metadata',
    'dnsLookupFamily',
    'dnsRefreshRate',
    'originalDstLbConfig',
    'protocolSelection',
    'http2ProtocolOptions',
  )
  const options = cluster.typedExtensionProtocolOptions?.[HTTP_OPTIONS]
  const http = options
    ? scope.at('typed_extension_protocol_options').unpack(options, UpstreamHttpOptions)
    : undefined
  const breakers = cluster.circuitBreakers?.thresholds?.find(
    (limit) => (limit.priority ?? 'DEFAULT') === 'DEFAULT',
  )
  const budget = breakers?.retryBudget
  return {
    name: cluster.name ?? '',
    discovery: decodeDiscovery(cluster, scope),
    connectTimeoutMs: cluster.connectTimeout ?? CONNECT_MS,
    balancer: decodeBalancer(cluster, scope),
    http: http?.explicitHttpConfig?.http2ProtocolOptions
      ? 'http2'
      : http?.explicitHttpConfig?.httpProtocolOptions
        ? 'http1'
        : http?.useDownstreamProtocolConfig
          ? 'downstream'
          : cluster.http2ProtocolOptions
            ? 'http2'
            : 'http1',
    tls: decodeUpstreamTls(cluster.transportSocket, scope.at('transport_socket'), readFile),
    tlsMatches: (cluster.transportSocketMatches ?? []).map((match, i) => ({
      name: match.name ?? '',
      metadata: texts(match.match),
      tls: decodeUpstreamTls(
        match.transportSocket,
        scope.at('transport_socket_matches', i).at('transport_socket'),
        readFile,
      ),
    })),
    limits: {
      maxConnections: breakers?.maxConnections ?? LIMIT,
      maxPendingRequests: breakers?.maxPendingRequests ?? LIMIT,
      maxRequests: breakers?.maxRequests ?? LIMIT,
    },
    retryBudget: {
      percent: budget?.budgetPercent?.value ?? 20,
      // Envoy bounds retries that run at once; ours counts them by the second. 10 is GEP-3388's floor.
      minPerSecond: budget?.minRetryConcurrency ?? 10,
    },
    idleTimeoutMs:
      http?.commonHttpProtocolOptions?.idleTimeout ??
      cluster.commonHttpProtocolOptions?.idleTimeout ??
      IDLE_MS,
    service: textOf(cluster.metadata?.filterMetadata?.[METADATA], METADATA_SERVICE),
  }
}

function decodeDiscovery(cluster: WireCluster, scope: Scope): Cluster['discovery'] {
  const name = cluster.name ?? ''
  switch (cluster.type ?? 'STATIC') {
    case 'EDS':
      return { kind: 'eds', serviceName: cluster.edsClusterConfig?.serviceName || name }
    case 'ORIGINAL_DST':
      return { kind: 'original-dst' }
    case 'STATIC':
    case 'STRICT_DNS': {
      if (!cluster.loadAssignment) scope.at('load_assignment').fail('is required for STATIC and STRICT_DNS')
      const { endpoints } = decodeAssignment(cluster.loadAssignment ?? {}, scope.at('load_assignment'))
      return { kind: cluster.type === 'STRICT_DNS' ? 'dns' : 'static', endpoints }
    }
    case 'LOGICAL_DNS':
      scope.at('type').unsupported()
      return { kind: 'static', endpoints: [] }
  }
}

function decodeBalancer(cluster: WireCluster, scope: Scope): Cluster['balancer'] {
  switch (cluster.lbPolicy ?? 'ROUND_ROBIN') {
    case 'ROUND_ROBIN':
    case 'CLUSTER_PROVIDED':
      return 'round-robin'
    case 'LEAST_REQUEST':
      return 'least-request'
    case 'RANDOM':
      return 'random'
    case 'RING_HASH':
    case 'MAGLEV':
    case 'LOAD_BALANCING_POLICY_CONFIG':
      scope.at('lb_policy').unsupported()
      return 'round-robin'
  }
}

/** envoy.config.endpoint.v3.ClusterLoadAssignment; localities are taken together, priorities above 0 refused. */
export function decodeAssignment(assignment: ClusterLoadAssignment, scope: Scope): EndpointAssignment {
  scope.only(assignment, 'clusterName', 'endpoints')
  return {
    clusterName: assignment.clusterName ?? '',
    endpoints: (assignment.endpoints ?? []).flatMap((locality, i) => {
      const at = scope.at('endpoints', i)
      at.only(locality, 'locality', 'lbEndpoints', 'loadBalancingWeight')
      return (locality.lbEndpoints ?? []).flatMap((endpoint, j) =>
        decodeEndpoint(endpoint, at.at('lb_endpoints', j)),
      )
    }),
  }
}

function decodeEndpoint(endpoint: LbEndpoint, scope: Scope): Endpoint[] {
  scope.only(endpoint, 'endpoint', 'healthStatus', 'metadata', 'loadBalancingWeight')
  const socket = endpoint.endpoint?.address?.socketAddress
  if (!socket?.address || !socket.portValue) {
    scope.at('endpoint').at('address').fail('needs a socket_address with address and port_value')
    return []
  }
  const health = endpoint.healthStatus ?? 'UNKNOWN'
  const metadata = endpoint.metadata?.filterMetadata
  return [
    {
      address: socket.address,
      port: socket.portValue,
      weight: endpoint.loadBalancingWeight ?? 1,
      health:
        health === 'DRAINING'
          ? 'draining'
          : health === 'UNHEALTHY' || health === 'TIMEOUT'
            ? 'unhealthy'
            : 'healthy',
      transportMatch: texts(metadata?.[METADATA_TRANSPORT_MATCH]),
      identity: textOf(metadata?.[METADATA], METADATA_IDENTITY),
      workload: textOf(metadata?.[METADATA], METADATA_WORKLOAD),
    },
  ]
}

function texts(object: JsonObject | undefined): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [key, value] of Object.entries(object ?? {})) if (typeof value === 'string') found[key] = value
  return found
}

function textOf(object: JsonObject | undefined, key: string): string {
  const value = object?.[key]
  return typeof value === 'string' ? value : ''
}
