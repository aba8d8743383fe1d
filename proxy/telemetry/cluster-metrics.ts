import type { ClusterManager } from '../upstream/cluster-manager.ts'
import type { UpstreamCluster } from '../upstream/upstream-cluster.ts'
import { labelsOf } from './prometheus.ts'

interface ClusterMetric {
  readonly type: 'gauge' | 'counter'
  /** For docs/observability.md. */
  readonly what: string
  /** The label that tells its values apart, beside `weft_cluster`. */
  readonly label?: string
  /** By that label; '' without one. */
  readonly read: (cluster: UpstreamCluster) => Iterable<readonly [label: string, value: number]>
}

/** What Prometheus reads of each cluster in use, by name. */
export const CLUSTER_METRICS: Readonly<Record<string, ClusterMetric>> = {
  weft_cluster_endpoints: {
    type: 'gauge',
    what: 'Endpoints, by whether they are picked: `use`, `last-resort` (nothing better is there), `avoid`.',
    label: 'weft_standing',
    read: ({ states }) => countBy([...states.values()], ({ health }) => health.standing),
  },
  weft_cluster_ejected_endpoints: {
    type: 'gauge',
    what: 'Endpoints that are ejected for how they did.',
    read: ({ outliers }) => [['', outliers.ejected]],
  },
  weft_cluster_ejections_total: {
    type: 'counter',
    what: 'Ejections, by reason.',
    label: 'weft_reason',
    read: ({ outliers }) => outliers.ejections,
  },
  weft_cluster_active_requests: {
    type: 'gauge',
    what: 'Requests that run, those that wait for a connection among them.',
    read: ({ active }) => [['', active]],
  },
  weft_cluster_pending_requests: {
    type: 'gauge',
    what: 'Requests that wait for a connection.',
    read: ({ breakers }) => [['', breakers.pending]],
  },
  weft_cluster_active_retries: {
    type: 'gauge',
    what: 'Requests that are tried again.',
    read: ({ breakers }) => [['', breakers.retries]],
  },
  weft_cluster_connections: {
    type: 'gauge',
    what: 'Open connections, HTTP and opaque.',
    read: ({ states, connections }) => [
      ['', [...states.values()].reduce((sum, state) => sum + state.connections, connections)],
    ],
  },
  weft_cluster_limit_reached: {
    type: 'gauge',
    what: '1 where a limit would turn away what comes next.',
    label: 'weft_limit',
    read: ({ active, breakers, connections }) =>
      Array.from(breakers.reached(active, connections), ([limit, reached]) => [limit, Number(reached)]),
  },
  weft_cluster_overflows_total: {
    type: 'counter',
    what: 'What limits turned away.',
    label: 'weft_limit',
    read: ({ breakers }) => breakers.overflows,
  },
}

/** Prometheus text of the clusters in use. One that is forgotten, unused for ten minutes, begins anew. */
export function clusterMetricsText({ clusters }: Pick<ClusterManager, 'clusters'>): string {
  const lines: string[] = []
  const known = [...clusters.values()].filter(({ config }) => config)
  for (const [name, { type, label, read }] of Object.entries(CLUSTER_METRICS)) {
    const values = known.flatMap((cluster) =>
      Array.from(read(cluster), ([key, value]) => {
        const labels = labelsOf([['weft_cluster', cluster.name], ...(label ? [[label, key] as const] : [])])
        return `${name}{${labels}} ${value}`
      }),
    )
    if (values.length > 0) lines.push(`# TYPE ${name} ${type}`, ...values)
  }
  return lines.length > 0 ? lines.join('\n') + '\n' : ''
}

function countBy<T>(all: readonly T[], keyOf: (one: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const one of all) counts.set(keyOf(one), (counts.get(keyOf(one)) ?? 0) + 1)
  return counts
}
