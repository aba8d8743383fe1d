import { WeftError } from '../errors.ts'

/** Under whose names Prometheus finds what is counted; docs/observability.md says what each is for. */
export const METRIC_NAME_SETS = ['weft', 'istio', 'flagger'] as const

export type MetricNameSet = (typeof METRIC_NAME_SETS)[number]

/** Of a comma list such as `weft,istio`. Throws WeftError `metric_names.unknown` with `field`. */
export function readMetricNames(text: string, field?: string): ReadonlySet<MetricNameSet> {
  const words = text.split(',').map((word) => word.trim())
  const known = new Set<MetricNameSet>()
  for (const word of words) {
    const found = METRIC_NAME_SETS.find((name) => name === word)
    if (found === undefined)
      throw new WeftError(
        'metric_names.unknown',
        `must be a comma list of ${METRIC_NAME_SETS.join(', ')}`,
        field === undefined ? {} : { field },
      )
    known.add(found)
  }
  return known
}
