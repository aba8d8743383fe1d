import { INVALID_BACKEND } from '../../core/contract.ts'
import type { FilterChain, Listener, TcpProxy } from '../../core/xds/generated/envoy.js'
import type { ConnectionRoutes, ConnectionRule } from '../model/connection-route.ts'
import type { WorkloadLimits } from '../model/workload-limits.ts'
import { TLS_INSPECTOR, tcpFilter } from './filters.ts'

type Chains = Pick<
  Listener,
  | 'listenerFilters'
  | 'listenerFiltersTimeout'
  | 'continueOnListenerFiltersTimeout'
  | 'filterChains'
  | 'defaultFilterChain'
>

/**
 * How the connections to a Service port with TLSRoutes or TCPRoutes are served: by TLSRoutes those of TLS with one of their
 * server names, and no others; by a TCPRoute all of them, whose bytes nobody looks at.
 */
export function connectionChains({ kind, rules }: ConnectionRoutes, limits: WorkloadLimits): Chains {
  const [first] = rules
  if (kind === 'tcp') return first ? { defaultFilterChain: chainOf(first, limits) } : {}
  return {
    listenerFilters: [TLS_INSPECTOR],
    // TLS begins with the client: one that is silent is waited for, since nothing else could serve it.
    listenerFiltersTimeout: 0,
    continueOnListenerFiltersTimeout: true,
    filterChains: rules.map((rule) => ({
      ...chainOf(rule, limits),
      filterChainMatch: {
        transportProtocol: 'tls',
        ...(rule.serverNames.length > 0 ? { serverNames: rule.serverNames } : {}),
      },
    })),
  }
}

function chainOf(rule: ConnectionRule, limits: WorkloadLimits): FilterChain {
  return { name: rule.name, filters: [tcpFilter(rule.name, destinations(rule), limits)] }
}

/**
 * The share of an invalid backend goes to a cluster that is not there: its connections are closed. A sidecar of ours knows
 * its name and does not wait for it. Weights of 0 are left out: Envoy refuses them.
 */
function destinations({ backends }: ConnectionRule): Pick<TcpProxy, 'cluster' | 'weightedClusters'> {
  const weights = new Map<string, number>()
  for (const { portKey = INVALID_BACKEND, weight } of backends)
    if (weight > 0) weights.set(portKey, (weights.get(portKey) ?? 0) + weight)
  const [only = INVALID_BACKEND, ...more] = weights.keys()
  if (more.length === 0) return { cluster: only }
  return { weightedClusters: { clusters: [...weights].map(([name, weight]) => ({ name, weight })) } }
}
