import { CircuitBreakers } from './circuit-breakers.ts'
import type { UpstreamDependencies } from './dependencies.ts'
import { OutlierSet } from './health/outlier-set.ts'

/** What the endpoints of a cluster have together. */
export interface ClusterScope {
  /** Which of them are ejected, and when one is. */
  readonly outliers: OutlierSet
  readonly breakers: CircuitBreakers
}

/** `name`: of the cluster, for what is told of ejections. */
export function newClusterScope(
  { clock, random, outlierEvents }: Pick<UpstreamDependencies, 'clock' | 'random' | 'outlierEvents'>,
  name = '',
): ClusterScope {
  return { outliers: new OutlierSet(clock, random, outlierEvents?.(name)), breakers: new CircuitBreakers() }
}
