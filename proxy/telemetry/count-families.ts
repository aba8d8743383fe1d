import type { MetricDescription, MetricFamily } from '../../core/metrics/family.ts'
import { COUNTERS, LIMIT_METRICS, type CounterName, type LimitMetricName } from '../model/counters.ts'
import type { LimitSample } from './limit-metrics.ts'
import type { Metrics } from './metrics.ts'

export const DECISIONS = {
  name: 'weft.authorization.decisions',
  unit: '{decision}',
  type: 'counter',
  help: 'What was decided on who may, by `policy`, the rule that did (`none`: nothing allows it), and `decision`: `allowed`, `audited`, `dry-run-denied`, `denied`.',
} as const satisfies MetricDescription

/** Of a counter without labels. */
export function counterMetric(name: CounterName): MetricDescription & { readonly type: 'counter' } {
  return { name: `weft.${name}`, unit: '', type: 'counter', help: COUNTERS[name] }
}

/** Of what is told by the name of a limit. */
export function limitMetric(
  name: LimitMetricName,
): MetricDescription & { readonly type: 'counter' | 'gauge' } {
  const [type, help] = LIMIT_METRICS[name]
  return { name: `weft.${name}`, unit: '', type, help: `${help} By the label \`limit\`.` }
}

/** What is counted without labels, by rule and by limit. */
export function countFamilies(
  { counters, decisions, since }: Pick<Metrics, 'counters' | 'decisions' | 'since'>,
  limits: ReadonlyMap<LimitMetricName, readonly LimitSample[]>,
): readonly MetricFamily[] {
  const named = (Object.keys(COUNTERS) as CounterName[]).filter((name) => counters.has(name))
  return [
    ...named.map((name) => ({
      ...counterMetric(name),
      points: [{ attributes: [], value: counters.get(name) ?? 0, since }],
    })),
    {
      ...DECISIONS,
      points: decisions.all().map(({ policy, decision, count }) => ({
        attributes: [
          ['policy', policy],
          ['decision', decision],
        ],
        value: count,
        since,
      })),
    },
    ...[...limits].map(([name, samples]) => ({
      ...limitMetric(name),
      points: samples.map(({ limit, value }) => ({ attributes: [['limit', limit] as const], value, since })),
    })),
  ]
}
