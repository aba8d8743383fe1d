import { CircuitBreakers } from './circuit-breakers.ts'
import type { UpstreamDependencies } from './dependencies.ts'
import { Turns } from './probe/turns.ts'
import { OutlierSet } from './health/outlier-set.ts'

const PROBES_AT_ONCE = 16

/** What the endpoints of a cluster have together. */
export interface ClusterScope {
  /** Which of them are ejected, and when one is. */
  readonly outliers: OutlierSet
  readonly breakers: CircuitBreakers
  /** Of probes. */
  readonly turns: Turns
  /** Connections to them, by what became of the attempt. */
  readonly connects: { connected: number; failed: number }
  /** How often an endpoint was picked for a request or a connection. */
  picks: number
}

/** `name`: of the cluster, for what is told of ejections. */
export function newClusterScope(
  { clock, random, outlierEvents }: Pick<UpstreamDependencies, 'clock' | 'random' | 'outlierEvents'>,
  name = '',
): ClusterScope {
  return {
    outliers: new OutlierSet(clock, random, outlierEvents?.(name)),
    breakers: new CircuitBreakers(),
    turns: new Turns(PROBES_AT_ONCE),
    connects: { connected: 0, failed: 0 },
    picks: 0,
  }
}
