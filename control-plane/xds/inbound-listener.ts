import { ALPN_TCP, INBOUND_PORT } from '../../core/contract.ts'
import { revokesAny } from '../../core/mesh-trust.ts'
import type {
  Filter,
  FilterChain,
  FilterChainMatch,
  RateLimit,
  RouteConfiguration,
} from '../../core/xds/generated/envoy.js'
import type { Mesh, Workload, WorkloadPort } from '../model/mesh.ts'
import { carriesHttp } from '../model/protocol.ts'
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
  type HttpOptions,
} from './filters.ts'
import { jwtFilters } from './jwt-authn.ts'
import { INBOUND, inboundCluster } from './names.ts'
import type { ListenerSettings } from './outbound-listener.ts'
import type { Plan } from './resource.ts'
import { forwardAll } from './route-configuration.ts'
import {
  inboundAuthorization,
  refuseAll,
  toldSettings,
  type InboundAuthorization,
} from './authorization/inbound.ts'
import { ALPN_HTTP, downstreamTls } from './tls.ts'
import { telemetryMetadata } from './telemetry.ts'
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
      workload.mtls.value,
      ...trafficParts(tables, workload),
      JSON.stringify(workload.ports),
      workload.paths,
      workload.heads,
      JSON.stringify(workload.limits),
      mesh.trust,
      mesh.authorization.workloads.get(workload.key),
      mesh.tokens.providers.get(workload.key),
      JSON.stringify(toldSettings(mesh, client.takes)),
      JSON.stringify(telemetryMetadata(mesh, workload, client.takes)),
    ],
    make: () => {
      // It could not hold revocations, and must not let in who is revoked.
      const closed = client.takes.trust === 'too-old' && revokesAny(mesh.trust.revoked)
      const build = chainsOf(mesh, tables, workload, client, settings)
      const undeclared = build({ protocol: 'auto', services: [] })
      const permissive = workload.mtls.value === 'PERMISSIVE'
      // A default chain would take what a port that is STRICT by itself refuses.
      const byDefault = permissive && !closed && !workload.ports.some(({ mtls }) => mtls?.value === 'STRICT')
      return {
        name: INBOUND,
        address: { socketAddress: { address: '0.0.0.0', portValue: INBOUND_PORT } },
        bindToPort: false,
        trafficDirection: 'INBOUND',
        ...metadataOf(workload.paths, workload.heads, {
          ...priorityHeader(tables, workload, client.takes),
          ...toldSettings(mesh, client.takes),
          ...trustMetadata(mesh, client.takes),
          ...telemetryMetadata(mesh, workload, client.takes),
        }),
        listenerFilters: [TLS_INSPECTOR, HTTP_INSPECTOR],
        listenerFiltersTimeout: DETECT_TIMEOUT_MS,
        continueOnListenerFiltersTimeout: true,
        filterChains: closed
          ? []
          : [
              ...workload.ports.flatMap((port) => build(port).chains),
              ...undeclared.chains,
              ...(permissive && !byDefault ? [undeclared.bytes({ transportProtocol: 'raw_buffer' })] : []),
            ],
        // Nothing that no chain took is let in when STRICT: the connection is refused.
        ...(byDefault ? { defaultFilterChain: undeclared.bytes() } : {}),
      }
    },
  }
}

/** What policies say of each port, and of those that no Service leads to. */
function trafficParts(tables: TrafficTables, { namespace, ports }: Workload): readonly unknown[] {
  const services = ports.flatMap((port) => port.services)
  return [`${namespace}/`, ...services].map((service) => settingsOf(tables, service))
}

/** One that the pod is known to have, or, without a number, all others. */
type BuiltPort = Omit<WorkloadPort, 'port'> & Partial<Pick<WorkloadPort, 'port'>>

interface PortChains {
  readonly chains: readonly FilterChain[]
  /** What none of them takes, in plaintext; without a match, a chain for whatever is left. */
  readonly bytes: (match?: FilterChainMatch) => FilterChain
}

function chainsOf(
  mesh: Mesh,
  tables: TrafficTables,
  workload: Workload,
  client: MeshClient,
  settings: ListenerSettings,
): (port: BuiltPort) => PortChains {
  const { paths, limits, heads } = workload
  const tokens = mesh.tokens.providers.get(workload.key)
  const filtersBefore = (
    cluster: string,
    { filters, rateLimits }: InboundTraffic,
    whoMay: InboundAuthorization,
  ): { readonly tcp: readonly Filter[]; readonly http: readonly Filter[] } => {
    const requests = (more: Pick<HttpOptions, 'routes' | 'filters'>): readonly Filter[] => [
      httpFilter({
        ...more,
        statPrefix: INBOUND,
        inbound: true,
        samplingPercent: settings.samplingPercent,
        paths: saidPaths(client, paths),
        limits,
        heads,
      }),
    ]
    // A chain has to be there all the same, or another would take the connection; bytes are no request, and end it.
    if (whoMay === 'nobody') {
      const refusing = requests({ routes: refuseAll(INBOUND), filters: [] })
      return { tcp: refusing, http: refusing }
    }
    const tcp = [...whoMay.network, tcpFilter(INBOUND, { cluster }, limits)]
    // A token that nobody verifies is no token, and an application may take it for one.
    if (tokens && !client.takes.tokens)
      return { tcp, http: requests({ routes: refuseAll(INBOUND), filters: [] }) }
    return {
      tcp,
      http: requests({
        routes: limited(forwardAll(INBOUND, cluster, undefined), rateLimits),
        filters: [...jwtFilters(tokens), ...whoMay.http, ...filters],
      }),
    }
  }
  const socket = downstreamTls(trustedDomains(mesh, client.takes), [
    ALPN_HTTP[0],
    ALPN_TCP,
    ALPN_HTTP[1],
    ALPN_HTTP[2],
  ])

  return ({ port, protocol, proxyProtocol, services, mtls = workload.mtls }) => {
    const strict = mtls.value === 'STRICT'
    const traffic = inboundTraffic(tables, workload, services, client.takes)
    const { tcp, http } = filtersBefore(
      inboundCluster(proxyProtocol),
      traffic,
      inboundAuthorization(mesh, workload, port, client.takes),
    )
    const name = (chain: string): string => (port === undefined ? chain : `${port}/${chain}`)
    const match = (rest: FilterChainMatch): FilterChainMatch => ({
      ...(port === undefined ? {} : { destinationPort: port }),
      ...rest,
    })
    const mutual = (
      chain: string,
      filters: readonly Filter[],
      applicationProtocols: readonly string[],
    ): FilterChain => ({
      name: name(chain),
      filterChainMatch: match({
        transportProtocol: 'tls',
        ...(applicationProtocols.length > 0 ? { applicationProtocols } : {}),
      }),
      transportSocket: socket,
      filters,
    })
    const plain = (chain: string, filters: readonly Filter[], rest: FilterChainMatch): FilterChain => ({
      name: name(chain),
      filterChainMatch: match(rest),
      filters,
    })
    const bytes = (rest?: FilterChainMatch): FilterChain => ({
      name: 'plain-tcp',
      ...(rest ? { filterChainMatch: rest } : {}),
      filters: tcp,
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
    if (strict) return { chains, bytes }
    if (!knownHttp) chains.push(plain('tls', tcp, { transportProtocol: 'tls' }))
    if (knownHttp) chains.push(plain('plain-http', http, { transportProtocol: 'raw_buffer' }))
    if (protocol === 'auto') {
      const applicationProtocols = ['http/1.1', 'h2c']
      chains.push(plain('plain-http', http, { transportProtocol: 'raw_buffer', applicationProtocols }))
    }
    // Without a port it is the listener's default chain.
    if (!knownHttp && port !== undefined)
      chains.push(plain('plain-tcp', tcp, { transportProtocol: 'raw_buffer' }))
    return { chains, bytes }
  }
}

/** Each virtual host with what its requests count towards. */
function limited(routes: RouteConfiguration, rateLimits: readonly RateLimit[]): RouteConfiguration {
  if (rateLimits.length === 0) return routes
  return { ...routes, virtualHosts: routes.virtualHosts?.map((host) => ({ ...host, rateLimits })) }
}
