import type { ClusterManager } from '../upstream/cluster-manager.ts'

export interface ClusterReport {
  readonly name: string
  /** `waiting`: asked for, not known yet; `missing`: does not exist. */
  readonly state: 'known' | 'waiting' | 'missing'
  readonly service: string
  readonly activeRequests: number
  readonly endpoints: readonly {
    readonly address: string
    /** As the configuration says. */
    readonly health: string
    /** Whether it is picked: `use`, `last-resort` or `avoid`; and the signals that speak against it. */
    readonly standing: string
    readonly objections: readonly string[]
    /** What signals have to say, by their names. */
    readonly said: Readonly<Record<string, string>>
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
      standing: state.health.standing,
      objections: state.health.objections,
      said: state.health.said,
      weight: state.endpoint.weight,
      workload: state.endpoint.workload,
      identity: state.endpoint.identity,
      mtls: state.tls !== undefined,
      active: state.active,
      connections: state.connections,
    })),
  }))
}
