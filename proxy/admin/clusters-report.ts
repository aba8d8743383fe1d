import type { ClusterManager } from '../upstream/cluster-manager.ts'

export interface ClusterReport {
  readonly name: string
  /** `waiting`: asked for, not known yet; `missing`: does not exist. */
  readonly state: 'known' | 'waiting' | 'missing'
  readonly service: string
  readonly activeRequests: number
  readonly endpoints: readonly {
    readonly address: string
    readonly health: string
    readonly weight: number
    readonly workload: string
    readonly identity: string
    readonly mtls: boolean
    readonly active: number
    readonly connections: number
  }[]
}

/** Every cluster that this proxy has used, and what it holds open to each endpoint. */
export function clustersReport(clusters: ClusterManager): ClusterReport[] {
  return [...clusters.clusters.values()].map((cluster) => ({
    name: cluster.name,
    state: cluster.config ? 'known' : cluster.config === null ? 'missing' : 'waiting',
    service: cluster.config?.service ?? '',
    activeRequests: cluster.active,
    endpoints: [...cluster.states.values()].map((state) => ({
      address: state.address,
      health: state.endpoint.health,
      weight: state.endpoint.weight,
      workload: state.endpoint.workload,
      identity: state.endpoint.identity,
      mtls: state.tls !== undefined,
      active: state.active,
      connections: state.connections,
    })),
  }))
}
