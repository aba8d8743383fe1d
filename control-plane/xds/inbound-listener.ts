import { ALPN_TCP, INBOUND_PORT } from '../../core/contract.ts'
import { revokesAny } from '../../core/mesh-trust.ts'
import type { ProxyProtocolVersion } from '../../core/proxy-protocol.ts'
import type {
  Filter,
  FilterChain,
  FilterChainMatch,
  RateLimit,
  RouteConfiguration,
} from '../../core/xds/generated/envoy.js'
import type { Mesh, Workload } from '../model/mesh.ts'
import { carriesHttp, type PortProtocol } from '../model/protocol.ts'
import { settingsOf, type TrafficTables } from '../model/traffic-tables.ts'
import type { MeshClient } from './client.ts'
import {
  DETECT_TIMEOUT_MS,
  HTTP_INSPECTOR,
  httpFilter,
  metadataOf,
  saidPaths,
  tcpFilter,
  TLS_INSPECTOR,
} from './filters.ts'
import { INBOUND, inboundCluster } from './names.ts'
import type { ListenerSettings } from './outbound-listener.ts'
import type { Plan } from './resource.ts'
import { forwardAll } from './route-configuration.ts'
import { ALPN_HTTP, downstreamTls } from './tls.ts'
import { trustedDomains, trustMetadata } from './trust.ts'
import { policiesFor } from './traffic/policies-for.ts'
import { inboundTraffic, priorityHeader, type InboundTraffic } from './traffic/inbound-traffic.ts'

/** `inbound`: how the pod of this client is reached, port by port: mutual TLS, and plaintext while it is PERMISSIVE. */
export function inboundListener(
  mesh: Mesh,
  client: MeshClient,
  settings: ListenerSettings,
): Plan<'listener'> | undefined {
  const workload = mesh.workloads.get(`${client.namespace}/${client.pod}`)
  if (!workload) return undefined
  const tables = policiesFor(mesh, client.takes)
  return {
    variant: `${client.takes.name} ${workload.key}`,
    parts: [
      workload.mtls,
      ...trafficParts(tables, workload),
      JSON.stringify(workload.ports),
      workload.paths,
      workload.heads,
      JSON.stringify(workload.limits),
      mesh.trust,
    ],
    make: () => {
      // It could not hold revocations, and must not let in who is revoked.
      const closed = client.takes.trust === 'too-old' && revokesAny(mesh.trust.revoked)
      const trusted = { domains: trustedDomains(mesh, client.takes), tables }
      const build = closed ? () => [] : chainsOf(trusted, workload, client, settings)
      const undeclared = build('auto', undefined, undefined, [])
      return {
        name: INBOUND,
        address: { socketAddress: { address: '0.0.0.0', portValue: INBOUND_PORT } },
        bindToPort: false,
        trafficDirection: 'INBOUND',
        ...metadataOf(workload.paths, workload.heads, {
          ...priorityHeader(tables, workload, client.takes),
          ...trustMetadata(mesh, client.takes),
        }),
        listenerFilters: [TLS_INSPECTOR, HTTP_INSPECTOR],
        listenerFiltersTimeout: DETECT_TIMEOUT_MS,
        continueOnListenerFiltersTimeout: true,
        filterChains: [
          ...workload.ports.flatMap(({ port, protocol, proxyProtocol, services }) =>
            build(protocol, port, proxyProtocol, services),
          ),
          ...undeclared,
        ],
        // Nothing that no chain took is let in when STRICT: the connection is refused.
        ...(workload.mtls === 'STRICT' || closed
          ? {}
          : {
              defaultFilterChain: {
                name: 'plain-tcp',
                filters: [tcpFilter(INBOUND, { cluster: INBOUND }, workload.limits)],
              },
            }),
      }
    },
  }
}

/** What policies say of each port, and of those that no Service leads to. */
function trafficParts(tables: TrafficTables, { namespace, ports }: Workload): readonly unknown[] {
  const services = ports.flatMap((port) => port.services)
  return [`${namespace}/`, ...services].map((service) => settingsOf(tables, service))
}

function chainsOf(
  { domains, tables }: { readonly domains: readonly string[]; readonly tables: TrafficTables },
  workload: Workload,
  client: MeshClient,
  settings: ListenerSettings,
): (
  protocol: PortProtocol,
  port: number | undefined,
  proxyProtocol: ProxyProtocolVersion | undefined,
  services: readonly string[],
) => FilterChain[] {
  const { mtls, paths, limits, heads } = workload
  const strict = mtls === 'STRICT'
  const filtersBefore = (cluster: string, { filters, rateLimits }: InboundTraffic) => ({
    tcp: tcpFilter(INBOUND, { cluster }, limits),
    http: httpFilter({
      statPrefix: INBOUND,
      routes: limited(forwardAll(INBOUND, cluster, undefined), rateLimits),
      inbound: true,
      filters,
      samplingPercent: settings.samplingPercent,
      paths: saidPaths(client, paths),
      limits,
      heads,
    }),
  })
  const socket = downstreamTls(domains, [ALPN_HTTP[0], ALPN_TCP, ALPN_HTTP[1], ALPN_HTTP[2]])

  return (protocol, port, proxyProtocol, services) => {
    const traffic = inboundTraffic(tables, workload, services, client.takes)
    const { tcp, http } = filtersBefore(inboundCluster(proxyProtocol), traffic)
    const name = (chain: string): string => (port === undefined ? chain : `${port}/${chain}`)
    const match = (rest: FilterChainMatch): FilterChainMatch => ({
      ...(port === undefined ? {} : { destinationPort: port }),
      ...rest,
    })
    const mutual = (chain: string, filter: Filter, applicationProtocols: readonly string[]): FilterChain => ({
      name: name(chain),
      filterChainMatch: match({
        transportProtocol: 'tls',
        ...(applicationProtocols.length > 0 ? { applicationProtocols } : {}),
      }),
      transportSocket: socket,
      filters: [filter],
    })
    const plain = (chain: string, filter: Filter, rest: FilterChainMatch): FilterChain => ({
      name: name(chain),
      filterChainMatch: match(rest),
      filters: [filter],
    })
    const knownHttp = carriesHttp(protocol) && protocol !== 'auto'
    const chains: FilterChain[] = []
    // A TLS connection with h2 or http/1.1 is the mesh's where the application itself speaks plain HTTP,
    // or where nothing but the mesh may enter; otherwise it may be the application's own.
    if (carriesHttp(protocol)) {
      chains.push(mutual('mtls-http', http, knownHttp || strict ? ALPN_HTTP : [ALPN_HTTP[0]]))
    }
    // A caller that took this port for undeclared comes with raw bytes: HTTP is served, and nothing else passes.
    if (!knownHttp) chains.push(mutual('mtls-tcp', tcp, [ALPN_TCP]))
    if (strict || knownHttp) chains.push(mutual('mtls', knownHttp ? http : tcp, []))
    if (strict) return chains
    if (!knownHttp) chains.push(plain('tls', tcp, { transportProtocol: 'tls' }))
    if (knownHttp) chains.push(plain('plain-http', http, { transportProtocol: 'raw_buffer' }))
    if (protocol === 'auto') {
      const applicationProtocols = ['http/1.1', 'h2c']
      chains.push(plain('plain-http', http, { transportProtocol: 'raw_buffer', applicationProtocols }))
    }
    // Without a port it is the listener's default chain.
    if (!knownHttp && port !== undefined)
      chains.push(plain('plain-tcp', tcp, { transportProtocol: 'raw_buffer' }))
    return chains
  }
}

/** Each virtual host with what its requests count towards. */
function limited(routes: RouteConfiguration, rateLimits: readonly RateLimit[]): RouteConfiguration {
  if (rateLimits.length === 0) return routes
  return { ...routes, virtualHosts: routes.virtualHosts?.map((host) => ({ ...host, rateLimits })) }
}
