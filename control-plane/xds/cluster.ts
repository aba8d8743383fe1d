import {
  ALPN_TCP,
  MESH_TRANSPORT,
  METADATA,
  METADATA_CLIENT_AFFINITY,
  METADATA_MAX_RESPONSE_HEADERS_KB,
  METADATA_SERVICE,
} from '../../core/contract.ts'
import { packAny } from '../../core/xds/any.ts'
import type { JsonObject } from '../../core/xds/well-known.ts'
import {
  UpstreamHttpOptions,
  type Any,
  type Cluster,
  type Cluster_TransportSocketMatch,
} from '../../core/xds/generated/envoy.js'
import { SIDECAR_PORTS, type Mesh, type Nearness } from '../model/mesh.ts'
import { callerLimits, type WorkloadLimits } from '../model/workload-limits.ts'
import { carriesHttp, type PortProtocol } from '../model/protocol.ts'
import { NO_SETTINGS, type TrafficSettings } from '../model/traffic-settings.ts'
import { settingsOf } from '../model/traffic-tables.ts'
import { limitsOfClient, type MeshClient } from './client.ts'
import { headerCount } from './filters.ts'
import { parseInboundCluster, parsePod, servicePort } from './names.ts'
import { pings, tcpKeepAlive } from './keep-alive.ts'
import { outlierDetection } from './outlier.ts'
import type { Plan } from './resource.ts'
import { circuitBreakers } from './traffic/circuit-breakers.ts'
import { clusterMetadata, clusterTraffic } from './traffic/cluster-traffic.ts'
import { policiesFor } from './traffic/policies-for.ts'
import { allNames } from './trust.ts'
import { ALPN_HTTP, providedTls, proxyProtocolSocket, upstreamTls } from './tls.ts'

const CONNECT_TIMEOUT_MS = 5000
/** Under the 5 s after which a Node.js server closes an idle connection. */
const IDLE_TIMEOUT_MS = 4000
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

/** `<namespace>/<service>/<port>`, `pod/<namespace>/<pod>/<port>`, `inbound` or the one before the PROXY protocol. */
export function cluster(mesh: Mesh, name: string, client: MeshClient): Plan<'cluster'> | undefined {
  const own = limitsOfClient(mesh, client)
  const inbound = parseInboundCluster(name)
  if (inbound)
    return { variant: JSON.stringify(own), parts: [], make: () => originalDestination(name, inbound, own) }
  const pod = parsePod(name)
  if (pod) {
    const workload = mesh.workloads.get(pod.key)
    if (!workload || SIDECAR_PORTS.has(pod.port)) return undefined
    const protocol = workload.ports.find((one) => one.port === pod.port)?.protocol ?? 'auto'
    const { identity, namespace } = workload
    const service = `${workload.name}.${namespace}`
    const limits = callerLimits(own, workload.limits)
    return {
      variant: `${client.takes.name} ${JSON.stringify(limits)}`,
      parts: [identity, protocol],
      make: () =>
        edsCluster({
          name,
          service,
          protocol,
          identities: allNames(mesh, [identity]),
          prefix: identity,
          meshed: true,
          ejects: false,
          client,
          limits,
          // A pod's own address bypasses what is said of its Services.
          traffic: NO_SETTINGS,
          nearness: undefined,
        }),
    }
  }
  const found = servicePort(mesh, name)
  if (!found) return undefined
  const { service, port } = found
  const endpoints = mesh.endpoints.get(name)?.endpoints ?? []
  const answering = [...new Set(endpoints.map((one) => one.identity))].filter((id) => id !== '').sort()
  const identities = allNames(mesh, answering)
  const prefix = `spiffe://${mesh.trustDomain}/ns/${service.namespace}/sa/`
  const limits = callerLimits(own, service.limits)
  const meshed = endpoints.every((one) => one.meshed)
  const traffic = settingsOf(policiesFor(mesh, client.takes), service.key)
  const affinityMs = client.takes.clientAffinity ? service.affinityMs : undefined
  return {
    variant: `${client.takes.name} ${JSON.stringify(limits)}`,
    parts: [port.protocol, identities.join(' '), meshed, affinityMs, service.nearness, traffic],
    make: () =>
      edsCluster({
        name,
        service: `${service.name}.${service.namespace}`,
        protocol: port.protocol,
        identities,
        prefix,
        meshed,
        ejects: true,
        client,
        limits,
        affinityMs,
        nearness: service.nearness,
        traffic,
      }),
  }
}

function originalDestination(
  name: string,
  { proxyProtocol }: NonNullable<ReturnType<typeof parseInboundCluster>>,
  limits: WorkloadLimits,
): Cluster {
  return {
    name,
    type: 'ORIGINAL_DST',
    lbPolicy: 'CLUSTER_PROVIDED',
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...circuitBreakers(NO_SETTINGS),
    ...tcpKeepAlive(limits),
    // An application is asked nothing by PING: gRPC servers end connections that send them.
    typedExtensionProtocolOptions: { [HTTP_OPTIONS]: httpOptions('auto', limits, false) },
    ...(proxyProtocol === undefined ? {} : { transportSocket: proxyProtocolSocket(proxyProtocol) }),
    ...metadata(undefined, limits, {}),
  }
}

interface EdsSettings {
  readonly name: string
  readonly service: string
  readonly protocol: PortProtocol
  readonly identities: readonly string[]
  readonly prefix: string
  /** All of its endpoints have a sidecar. */
  readonly meshed: boolean
  /** Endpoints that fail are left out: there may be others. */
  readonly ejects: boolean
  readonly client: MeshClient
  readonly limits: WorkloadLimits
  readonly affinityMs?: number | undefined
  readonly nearness: Nearness | undefined
  readonly traffic: TrafficSettings
}

function edsCluster(settings: EdsSettings): Cluster {
  const { name, service, protocol, client, limits, meshed, affinityMs, nearness, traffic } = settings
  const { takes } = client
  return {
    ...bareCluster(name, client),
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...clusterTraffic(traffic, { service, protocol, nearness, takes }),
    ...(settings.ejects ? outlierDetection(takes, traffic.outlierDetection) : {}),
    ...tcpKeepAlive(limits),
    // What is said of PINGs is for all endpoints: where some have no sidecar, links keep the default.
    typedExtensionProtocolOptions: { [HTTP_OPTIONS]: httpOptions(protocol, limits, meshed) },
    ...transport(settings),
    ...metadata(service, limits, { ...affinity(affinityMs), ...clusterMetadata(traffic, takes) }),
  }
}

/** One with nothing but a name, which its endpoints have, too. */
export function bareCluster(name: string, { takes }: MeshClient): Cluster {
  return {
    name,
    type: 'EDS',
    edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' }, serviceName: name },
    lbPolicy: takes.lbPolicy,
  }
}

function transport({
  protocol,
  identities,
  prefix,
  meshed,
  client,
}: EdsSettings): Pick<Cluster, 'transportSocket' | 'transportSocketMatches'> {
  switch (client.takes.transport) {
    case 'plaintext':
      return {}
    case 'certificate-provider':
      return meshed ? { transportSocket: providedTls(identities, prefix) } : {}
    case 'by-endpoint': {
      const weft: Cluster_TransportSocketMatch = {
        name: 'weft',
        match: MESH_TRANSPORT,
        transportSocket: upstreamTls(identities, prefix, alpnFor(protocol, client)),
      }
      return { transportSocketMatches: [weft] }
    }
  }
}

/** Envoy has no field for these, or none that we know. */
function metadata(
  service: string | undefined,
  { headerKib }: WorkloadLimits,
  more: JsonObject,
): Pick<Cluster, 'metadata'> {
  if (service === undefined && headerKib === undefined) return {}
  const said = {
    ...(service === undefined ? {} : { [METADATA_SERVICE]: service }),
    ...(headerKib === undefined ? {} : { [METADATA_MAX_RESPONSE_HEADERS_KB]: headerKib }),
    ...more,
  }
  return { metadata: { filterMetadata: { [METADATA]: said } } }
}

function affinity(ms: number | undefined): JsonObject {
  return ms === undefined ? {} : { [METADATA_CLIENT_AFFINITY]: ms }
}

/**
 * Our sidecars choose from the list by what they carry: `weft-tcp` for opaque bytes (also the
 * application's own TLS to a port of plain HTTP), the rest for requests. Other clients offer all of it at
 * once whatever they then speak. Without a list Envoy offers what it is about to speak, `h2` or `http/1.1`
 * as its caller did; where the first bytes decide, that is opaque TCP.
 */
function alpnFor(protocol: PortProtocol, client: MeshClient): readonly string[] {
  if (!carriesHttp(protocol)) return [ALPN_TCP]
  if (client.takes.choosesAlpn) return [...ALPN_HTTP, ALPN_TCP]
  return protocol === 'auto' ? [ALPN_TCP] : []
}

/** How long connections wait unused is for those to the application to say: sidecars tell when they go. */
function httpOptions(protocol: PortProtocol, limits: WorkloadLimits, links: boolean): Any {
  const http2 = protocol === 'h2c' || protocol === 'grpc'
  const http2ProtocolOptions = links ? pings(limits) : {}
  return packAny(UpstreamHttpOptions, {
    commonHttpProtocolOptions: {
      idleTimeout: limits.applicationIdleMs ?? IDLE_TIMEOUT_MS,
      ...headerCount(limits),
    },
    ...(http2
      ? { explicitHttpConfig: { http2ProtocolOptions } }
      : { useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions } }),
  })
}
