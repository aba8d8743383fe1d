import type { Filter, HttpFilter, Listener } from '../../core/xds/generated/envoy.js'
import { routesFor, serviceAt, SIDECAR_PORTS, type Mesh, type Workload } from '../model/mesh.ts'
import { PLAIN_HEADS } from '../model/head-rules.ts'
import { callerLimits, type WorkloadLimits } from '../model/workload-limits.ts'
import { carriesHttp, type PortProtocol } from '../model/protocol.ts'
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
import { connectionChains } from './connection-route.ts'
import { corsFilter } from './cors.ts'
import { sessionFilter } from './session.ts'
import { limitsOfClient, type MeshClient } from './client.ts'
import { parseOutbound, podName } from './names.ts'
import type { Plan } from './resource.ts'
import { forwardAll } from './route-configuration.ts'
import { FAULT_FILTER } from './traffic/faults.ts'
import { mayHaveFaults } from './traffic/route-traffic.ts'

export interface ListenerSettings {
  readonly samplingPercent: number
}

/** `outbound/<ip>:<port>`: what a connection to a Service's or a meshed pod's address gets. */
export function outboundListener(
  mesh: Mesh,
  name: string,
  client: MeshClient,
  settings: ListenerSettings,
): Plan<'listener'> | undefined {
  const destination = parseOutbound(name)
  if (!destination) return undefined
  const { address, port } = destination
  const { samplingPercent } = settings
  const base: Listener = {
    name,
    address: { socketAddress: { address, portValue: port } },
    bindToPort: false,
    trafficDirection: 'OUTBOUND',
  }
  const make = (
    protocol: PortProtocol,
    cluster: string,
    routes: HttpOptions['routes'],
    { paths }: Pick<Workload, 'paths'>,
    limits: WorkloadLimits,
    { bound = false, filters = [] }: { bound?: boolean; filters?: readonly HttpFilter[] } = {},
  ): Listener => ({
    ...base,
    ...(carriesHttp(protocol) ? metadataOf(paths, PLAIN_HEADS) : {}),
    ...detection(protocol, tcpFilter(cluster, { cluster }, limits), bound, () =>
      httpFilter({
        statPrefix: cluster,
        routes,
        inbound: false,
        filters,
        samplingPercent,
        paths: saidPaths(client, paths),
        limits,
        heads: PLAIN_HEADS,
      }),
    ),
  })
  const called = serviceAt(mesh, address, port)
  if (called) {
    const { service } = called
    if (!called.port) return undefined
    const { key, protocol } = called.port
    const limits = callerLimits(limitsOfClient(mesh, client), service.limits)
    const rds = routeNameFor(mesh, key, client)
    const variant = `${client.takes.name} ${rds} ${JSON.stringify(limits)}`
    const routes = routesFor(mesh, key, client.namespace)?.group
    if (routes && !('entries' in routes))
      return { variant, parts: [routes], make: () => ({ ...base, ...connectionChains(routes, limits) }) }
    const bound = routes !== undefined
    const filters = client.takes.policies
      ? [
          ...corsFilter(routes),
          ...(mayHaveFaults(mesh, key, client) ? [FAULT_FILTER] : []),
          ...sessionFilter(routes, mesh.traffic.sessions?.get(service.key)),
        ]
      : []
    return {
      variant,
      parts: [protocol, rds, service.paths, bound, filters.map((one) => one.name).join()],
      make: () => make(protocol, key, { rds }, service, limits, { bound, filters }),
    }
  }
  const workload = mesh.workloadsByAddress.get(address)
  // A sidecar's own ports (metrics, health) answer outside of the mesh.
  if (!workload || SIDECAR_PORTS.has(port)) return undefined
  const cluster = podName(workload, port)
  const protocol = workload.ports.find((one) => one.port === port)?.protocol ?? 'auto'
  const limits = callerLimits(limitsOfClient(mesh, client), workload.limits)
  return {
    variant: `${client.takes.name} ${JSON.stringify(limits)}`,
    parts: [cluster, protocol, workload.paths],
    // A pod's own address bypasses routes.
    make: () => make(protocol, cluster, forwardAll(cluster, cluster, client), workload, limits),
  }
}

/** Name of the routes that a client of this namespace follows. */
export function routeNameFor(mesh: Mesh, portKey: string, client: MeshClient): string {
  return routesFor(mesh, portKey, client.namespace)?.consumer ? `${portKey}@${client.namespace}` : portKey
}

/**
 * Declared protocols decide without waiting; otherwise the first bytes do, and what is unknown is TCP. Who is silent
 * counts as that after a time, unless routes are bound: they say that requests come, which must not pass them by.
 */
function detection(
  protocol: PortProtocol,
  tcp: Filter,
  bound: boolean,
  http: () => Filter,
): Pick<
  Listener,
  | 'listenerFilters'
  | 'listenerFiltersTimeout'
  | 'continueOnListenerFiltersTimeout'
  | 'filterChains'
  | 'defaultFilterChain'
> {
  const waiting = { listenerFiltersTimeout: DETECT_TIMEOUT_MS, continueOnListenerFiltersTimeout: true }
  switch (protocol) {
    case 'opaque':
    case 'tls':
    case 'https':
      return { defaultFilterChain: { name: 'tcp', filters: [tcp] } }
    case 'http':
    case 'h2c':
    case 'grpc':
    case 'ws':
      return {
        listenerFilters: [TLS_INSPECTOR],
        ...waiting,
        // The application's own TLS is passed on untouched.
        filterChains: [{ name: 'tls', filterChainMatch: { transportProtocol: 'tls' }, filters: [tcp] }],
        defaultFilterChain: { name: 'http', filters: [http()] },
      }
    case 'auto':
      return {
        listenerFilters: [TLS_INSPECTOR, HTTP_INSPECTOR],
        ...waiting,
        ...(bound ? { listenerFiltersTimeout: 0 } : {}),
        filterChains: [
          {
            name: 'http',
            filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] },
            filters: [http()],
          },
        ],
        defaultFilterChain: { name: 'tcp', filters: [tcp] },
      }
  }
}
