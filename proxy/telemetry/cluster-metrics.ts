import type { MetricDescription, MetricFamily } from '../../core/metrics/family.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'
import type { Standing } from '../upstream/health/signal.ts'
import type { UpstreamCluster } from '../upstream/upstream-cluster.ts'

type ClusterMetric = MetricDescription & {
  readonly type: 'gauge' | 'counter'
  /** What tells its values apart, beside `weft.backend`. */
  readonly label?: string
  /** By that label; '' without one. */
  readonly read: (cluster: UpstreamCluster) => Iterable<readonly [label: string, value: number]>
}

const STANDINGS: readonly Standing[] = ['use', 'last-resort', 'avoid']

/** What is told of each cluster in use. */
export const CLUSTER_METRICS: readonly ClusterMetric[] = [
  {
    name: 'weft.cluster.endpoints',
    unit: '{endpoint}',
    type: 'gauge',
    help: 'Endpoints, by whether they are picked: `use`, `last-resort` (nothing better is there), `avoid`.',
    label: 'weft.standing',
    // None of a standing is told as 0, and so is a cluster without endpoints: what is absent raises no alert.
    read: ({ states }) =>
      STANDINGS.map((standing) => [
        standing,
        [...states.values()].filter(({ health }) => health.standing === standing).length,
      ]),
  },
  {
    name: 'weft.cluster.ejected_endpoints',
    unit: '{endpoint}',
    type: 'gauge',
    help: 'Endpoints that are ejected for how they did.',
    read: ({ outliers }) => [['', outliers.ejected]],
  },
  {
    name: 'weft.cluster.ejections',
    unit: '{ejection}',
    type: 'counter',
    help: 'Ejections, by reason.',
    label: 'weft.reason',
    read: ({ outliers }) => outliers.ejections,
  },
  {
    name: 'weft.cluster.active_requests',
    unit: '{request}',
    type: 'gauge',
    help: 'Requests that run, those that wait for a connection among them.',
    read: ({ active }) => [['', active]],
  },
  {
    name: 'weft.cluster.pending_requests',
    unit: '{request}',
    type: 'gauge',
    help: 'Requests that wait for a connection.',
    read: ({ breakers }) => [['', breakers.pending]],
  },
  {
    name: 'weft.cluster.active_retries',
    unit: '{request}',
    type: 'gauge',
    help: 'Requests that are tried again.',
    read: ({ breakers }) => [['', breakers.retries]],
  },
  {
    name: 'weft.cluster.retry_budget',
    unit: '{retry}',
    type: 'gauge',
    help: 'Retries that the budget of the last ten seconds still lets.',
    read: ({ budget }) => [['', budget.left]],
  },
  {
    name: 'weft.cluster.connections',
    unit: '{connection}',
    type: 'gauge',
    help: 'Open connections, HTTP and opaque.',
    read: ({ states, connections }) => [
      ['', [...states.values()].reduce((sum, state) => sum + state.connections, connections)],
    ],
  },
  {
    name: 'weft.cluster.connection_attempts',
    unit: '{connection}',
    type: 'counter',
    help: 'Connections that were tried to its endpoints, by what became of it: `connected`, `failed`.',
    label: 'weft.outcome',
    read: ({ connects }) => Object.entries(connects),
  },
  {
    name: 'weft.cluster.limit_reached',
    unit: '',
    type: 'gauge',
    help: '1 where a limit would turn away what comes next.',
    label: 'weft.limit',
    read: ({ active, breakers, connections }) =>
      Array.from(breakers.reached(active, connections), ([limit, reached]) => [limit, Number(reached)]),
  },
  {
    name: 'weft.cluster.overflows',
    unit: '{request}',
    type: 'counter',
    help: 'What limits turned away.',
    label: 'weft.limit',
    read: ({ breakers }) => breakers.overflows,
  },
]

/** Of the clusters in use. One that is forgotten, unused for ten minutes, begins anew. */
export function clusterFamilies({ clusters }: Pick<ClusterManager, 'clusters'>): readonly MetricFamily[] {
  const known = [...clusters.values()].filter(({ config }) => config)
  return CLUSTER_METRICS.map(({ label, read, ...description }) => ({
    ...description,
    points: known.flatMap((cluster) =>
      Array.from(read(cluster), ([key, value]) => ({
        attributes: [['weft.backend', cluster.name], ...(label === undefined ? [] : [[label, key] as const])],
        value,
        since: cluster.since,
      })),
    ),
  }))
}
