import { MetricFamily, type Histogram, type Metric } from '../../xds/generated/prometheus.js'
import { Reader } from '../../xds/wire.ts'
import { boundKey, sampleKey, type ReadMetrics } from './samples.ts'

/** Of the protobuf exposition; what Prometheus refuses of a histogram throws. */
export function readPrometheusProtobuf(bytes: Uint8Array): ReadMetrics {
  const types = new Map<string, string>()
  const samples = new Map<string, number>()
  const exemplars = new Map<string, string>()
  const put = (key: string, value: number): void => {
    if (samples.has(key)) throw new Error(`${key} stands twice`)
    samples.set(key, value)
  }
  const reader = new Reader(bytes)
  while (!reader.done) {
    const { name = '', type = 'COUNTER', metric = [] } = MetricFamily.decode(reader.view())
    if (types.has(name)) throw new Error(`${name} is a family in two places`)
    types.set(name, type.toLowerCase())
    for (const one of metric) {
      const labels = labelsOf(one)
      if (type === 'COUNTER') put(sampleKey(name, labels), one.counter?.value ?? 0)
      else if (type === 'GAUGE') put(sampleKey(name, labels), one.gauge?.value ?? 0)
      else {
        const { bucket = [], sampleCount = 0n, sampleSum = 0 } = one.histogram ?? {}
        for (const { cumulativeCount = 0n, upperBound = 0, exemplar } of bucket) {
          const key = sampleKey(`${name}_bucket`, new Map([...labels, ['le', boundKey(upperBound)]]))
          put(key, Number(cumulativeCount))
          const trace = exemplar?.label?.find((label) => label.name === 'trace_id')?.value
          if (trace !== undefined) exemplars.set(key, trace)
        }
        put(sampleKey(`${name}_sum`, labels), sampleSum)
        put(sampleKey(`${name}_count`, labels), Number(sampleCount))
      }
    }
  }
  return { types, samples, exemplars }
}

/** The native side of a histogram: counts by the index of the bucket. Throws unless they add up. */
export function nativeCountsOf(histogram: Histogram): ReadonlyMap<number, number> {
  const { positiveSpan = [], positiveDelta = [], sampleCount = 0n, zeroCount = 0n } = histogram
  const counts = new Map<number, number>()
  const deltas = [...positiveDelta]
  let index = 0
  let count = 0
  for (const { offset = 0, length = 0 } of positiveSpan) {
    index += offset
    for (let i = 0; i < length; i++, index++) {
      count += Number(deltas.shift() ?? NaN)
      if (!(count >= 0)) throw new Error('a bucket with less than nothing, or spans without their counts')
      counts.set(index, count)
    }
  }
  if (deltas.length > 0) throw new Error('counts without a span')
  const sum = [...counts.values()].reduce((total, one) => total + one, Number(zeroCount))
  if (sum !== Number(sampleCount)) throw new Error(`native buckets hold ${sum} of ${sampleCount}`)
  return counts
}

/** Histograms of a family, as they came. */
export function histogramsOf(bytes: Uint8Array, name: string): readonly Histogram[] {
  const reader = new Reader(bytes)
  const found: Histogram[] = []
  while (!reader.done) {
    const family = MetricFamily.decode(reader.view())
    if (family.name === name) found.push(...(family.metric ?? []).flatMap(({ histogram }) => histogram ?? []))
  }
  return found
}

function labelsOf({ label = [] }: Metric): Map<string, string> {
  const labels = new Map(label.map(({ name = '', value = '' }) => [name, value] as const))
  if (labels.size !== label.length) throw new Error('a label twice')
  return labels
}
