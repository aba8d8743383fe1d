import type {
  ExportMetricsServiceRequest,
  HistogramDataPoint,
  KeyValue,
  Metric,
  NumberDataPoint,
  Resource,
} from '../xds/generated/otlp.js'
import type { Attributes, Exemplar, HistogramPoint, MetricFamily, NumberPoint } from './family.ts'

/** Points of one request: some 700 KB, which a collector takes that takes little at once (the control plane: 2 MiB). */
const MOST_POINTS = 1000

export interface OtlpOptions {
  readonly resource: Resource
  /** Of the instrumentation scope. */
  readonly scope: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Exemplars before it were told already. Milliseconds since the epoch; default: all are told. */
  readonly exemplarsSince?: number
}

/** Families as cumulative OTLP metrics, in as many requests as it takes (https://opentelemetry.io/docs/specs/otlp/). */
export function* otlpRequests(
  families: readonly MetricFamily[],
  options: OtlpOptions,
): Generator<ExportMetricsServiceRequest> {
  let metrics: Metric[] = []
  let points = 0
  const request = (): ExportMetricsServiceRequest => ({
    resourceMetrics: [
      { resource: options.resource, scopeMetrics: [{ scope: { name: options.scope }, metrics }] },
    ],
  })
  for (const family of families)
    for (let from = 0; from < family.points.length;) {
      const some = part(family, from, from + MOST_POINTS - points)
      metrics.push(metricOf(some, options))
      points += some.points.length
      from += some.points.length
      if (points < MOST_POINTS) continue
      yield request()
      metrics = []
      points = 0
    }
  if (points > 0) yield request()
}

function part(family: MetricFamily, from: number, to: number): MetricFamily {
  return family.type === 'histogram'
    ? { ...family, points: family.points.slice(from, to) }
    : { ...family, points: family.points.slice(from, to) }
}

function metricOf(family: MetricFamily, options: OtlpOptions): Metric {
  const head = { name: family.name, unit: family.unit, description: family.help }
  const aggregationTemporality = 'AGGREGATION_TEMPORALITY_CUMULATIVE'
  switch (family.type) {
    case 'histogram': {
      const dataPoints = family.points.map((point) => histogramPoint(family.bounds, point, options))
      return { ...head, histogram: { aggregationTemporality, dataPoints } }
    }
    case 'counter': {
      const dataPoints = family.points.map((point) => numberPoint(point, options.now, true))
      return { ...head, sum: { aggregationTemporality, isMonotonic: true, dataPoints } }
    }
    case 'gauge':
    case 'info':
      return {
        ...head,
        gauge: { dataPoints: family.points.map((point) => numberPoint(point, options.now, false)) },
      }
  }
}

function histogramPoint(
  bounds: readonly number[],
  { attributes, counts, sum, exemplars, since }: HistogramPoint,
  { now, exemplarsSince = 0 }: OtlpOptions,
): HistogramDataPoint {
  const told = exemplars?.filter((one) => one !== undefined && one.atMs >= exemplarsSince) ?? []
  return {
    startTimeUnixNano: nanoseconds(since),
    timeUnixNano: nanoseconds(now),
    count: BigInt(counts.reduce((total, count) => total + count, 0)),
    sum,
    bucketCounts: counts.map((count) => BigInt(count)),
    explicitBounds: bounds,
    ...(told.length > 0 && { exemplars: told.flatMap((one) => (one ? [exemplarOf(one)] : [])) }),
    attributes: keyValues(attributes),
  }
}

function exemplarOf({ value, atMs, traceId, spanId }: Exemplar) {
  return {
    timeUnixNano: nanoseconds(atMs),
    asDouble: value,
    traceId: Buffer.from(traceId, 'hex'),
    spanId: Buffer.from(spanId, 'hex'),
  }
}

function numberPoint(
  { attributes, value, since }: NumberPoint,
  now: number,
  counts: boolean,
): NumberDataPoint {
  return {
    ...(counts && { startTimeUnixNano: nanoseconds(since) }),
    timeUnixNano: nanoseconds(now),
    ...(Number.isSafeInteger(value) ? { asInt: BigInt(value) } : { asDouble: value }),
    attributes: keyValues(attributes),
  }
}

function keyValues(attributes: Attributes): KeyValue[] {
  return attributes
    .filter(([, value]) => value !== '')
    .map(([key, value]) => ({
      key,
      value:
        typeof value === 'string'
          ? { stringValue: value }
          : typeof value === 'boolean'
            ? { boolValue: value }
            : Number.isSafeInteger(value)
              ? { intValue: BigInt(value) }
              : { doubleValue: value },
    }))
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n
}
