import type { MetricFamily } from '../family.ts'
import { familyName, labelName, prometheusName } from '../family.ts'

/** What a reader of any format found: values by `name{label="value",...}`, labels sorted; buckets have `le`. */
export interface ReadMetrics {
  /** By the name that queries use. */
  readonly types: ReadonlyMap<string, string>
  readonly samples: ReadonlyMap<string, number>
  /** Trace ids by bucket's sample. */
  readonly exemplars: ReadonlyMap<string, string>
}

/** One sample as all readers write it. */
export function sampleKey(name: string, labels: ReadonlyMap<string, string>): string {
  const text = [...labels]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(',')
  return `${name}{${text}}`
}

/** A bucket's bound, however the format writes it. */
export function boundKey(bound: number): string {
  return bound === Infinity ? '+Inf' : String(bound)
}

/** The families themselves in the form that the readers give. */
export function samplesOf(families: readonly MetricFamily[]): ReadMetrics {
  const types = new Map<string, string>()
  const samples = new Map<string, number>()
  const exemplars = new Map<string, string>()
  for (const family of families) {
    if (family.points.length === 0) continue
    const name = prometheusName(family)
    types.set(name, family.type)
    if (family.type !== 'histogram') {
      for (const { attributes, value } of family.points)
        samples.set(sampleKey(name, labelsOf(attributes)), value)
      continue
    }
    const { bounds } = family
    for (const { attributes, counts, sum, exemplars: traces } of family.points) {
      const labels = labelsOf(attributes)
      let total = 0
      counts.forEach((count, i) => {
        total += count
        const le = boundKey(bounds[i] ?? Infinity)
        const key = sampleKey(`${familyName(family)}_bucket`, new Map([...labels, ['le', le]]))
        samples.set(key, total)
        const trace = traces?.[i]
        if (trace) exemplars.set(key, trace.traceId)
      })
      samples.set(sampleKey(`${name}_sum`, labels), sum)
      samples.set(sampleKey(`${name}_count`, labels), total)
    }
  }
  return { types, samples, exemplars }
}

function labelsOf(
  attributes: readonly (readonly [string, string | number | boolean])[],
): Map<string, string> {
  return new Map(
    attributes
      .filter(([, value]) => value !== '')
      .map(([key, value]) => [labelName(key), String(value)] as const),
  )
}
