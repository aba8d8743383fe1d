import { ExportMetricsServiceRequest, type KeyValue, type NumberDataPoint } from '../../xds/generated/otlp.js'
import { familyName, labelName, prometheusName, type MetricDescription } from '../family.ts'
import { boundKey, sampleKey, type ReadMetrics } from './samples.ts'

/** Of OTLP requests as they go over the wire, by the names that Prometheus would give them. */
export function readOtlp(requests: readonly ExportMetricsServiceRequest[]): ReadMetrics {
  const types = new Map<string, string>()
  const samples = new Map<string, number>()
  const exemplars = new Map<string, string>()
  const put = (key: string, value: number): void => {
    if (samples.has(key)) throw new Error(`${key} stands twice`)
    samples.set(key, value)
  }
  const points = (name: string, all: readonly NumberDataPoint[]): void => {
    for (const { asInt, asDouble, attributes } of all)
      put(sampleKey(name, labelsOf(attributes)), Number(asInt ?? asDouble))
  }
  for (const request of requests.map((one) =>
    ExportMetricsServiceRequest.decode(ExportMetricsServiceRequest.encode(one)),
  ))
    for (const { scopeMetrics = [] } of request.resourceMetrics ?? [])
      for (const { metrics = [] } of scopeMetrics)
        for (const { name = '', unit = '', gauge, sum, histogram } of metrics) {
          const type = histogram ? 'histogram' : sum ? 'counter' : 'gauge'
          const described: MetricDescription = { name, unit, type, help: '' }
          types.set(prometheusName(described), type)
          if (
            sum &&
            (!sum.isMonotonic || sum.aggregationTemporality !== 'AGGREGATION_TEMPORALITY_CUMULATIVE')
          )
            throw new Error(`${name} is no cumulative counter`)
          points(prometheusName(described), [...(gauge?.dataPoints ?? []), ...(sum?.dataPoints ?? [])])
          for (const point of histogram?.dataPoints ?? []) {
            const labels = labelsOf(point.attributes)
            const bounds = point.explicitBounds ?? []
            let total = 0
            for (const [i, count] of (point.bucketCounts ?? []).entries()) {
              total += Number(count)
              const le = boundKey(bounds[i] ?? Infinity)
              put(sampleKey(`${familyName(described)}_bucket`, new Map([...labels, ['le', le]])), total)
            }
            if (total !== Number(point.count))
              throw new Error(`${name}: buckets hold ${total} of ${point.count}`)
            put(sampleKey(`${familyName(described)}_sum`, labels), point.sum ?? 0)
            put(sampleKey(`${familyName(described)}_count`, labels), total)
            for (const { asDouble = 0, traceId } of point.exemplars ?? []) {
              const le = boundKey(bounds.find((bound) => asDouble <= bound) ?? Infinity)
              const key = sampleKey(`${familyName(described)}_bucket`, new Map([...labels, ['le', le]]))
              exemplars.set(key, Buffer.from(traceId ?? []).toString('hex'))
            }
          }
        }
  return { types, samples, exemplars }
}

function labelsOf(attributes: readonly KeyValue[] = []): Map<string, string> {
  return new Map(
    attributes.map(({ key = '', value }) => [
      labelName(key),
      String(value?.stringValue ?? value?.boolValue ?? value?.intValue ?? value?.doubleValue ?? ''),
    ]),
  )
}
