import type { DecisionStore } from '../telemetry/decision-store.ts'
import type { MetricStore } from '../telemetry/metric-store.ts'
import type { ObservedStore } from '../telemetry/observed-store.ts'
import type { TraceStore } from '../telemetry/trace-store.ts'
import type { StoreState } from './control-plane-metrics.ts'

/** What the stores of telemetry hold now. */
export function storeStates(stores: {
  readonly traces: TraceStore
  readonly decisions: DecisionStore
  readonly metrics: MetricStore
  readonly observed: ObservedStore
}): readonly StoreState[] {
  const { traces, decisions, metrics, observed } = stores
  return [
    { name: 'traces', bytes: traces.bytes, entries: traces.size, dropped: traces.refused },
    {
      name: 'series',
      bytes: metrics.bytes,
      entries: metrics.series,
      dropped: metrics.refused + metrics.evicted,
    },
    { name: 'refusals', bytes: decisions.bytes, entries: decisions.size, dropped: 0 },
    {
      name: 'observed',
      bytes: observed.bytes,
      entries: observed.size,
      dropped: observed.refused + observed.evicted,
    },
  ]
}
