import {
  MetricFamily as Encoded,
  type Exemplar as EncodedExemplar,
  type Histogram,
  type LabelPair,
  type Metric,
  type Timestamp,
} from '../xds/generated/prometheus.js'
import { Writer } from '../xds/wire.ts'
import {
  labelName,
  prometheusName,
  prometheusUnit,
  type Attributes,
  type Exemplar,
  type HistogramPoint,
  type MetricFamily,
  type NativeCounts,
} from './family.ts'
import { NATIVE_SCHEMA, NATIVE_ZERO_THRESHOLD } from './native-buckets.ts'

/** https://prometheus.io/docs/instrumenting/exposition_formats/#protobuf-format */
export const PROTOBUF_TYPE =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited'

/** Each family behind its length as a varint. A family without points is left out. */
export function prometheusProtobuf(families: readonly MetricFamily[]): Buffer {
  const parts: Buffer[] = []
  for (const family of families) {
    if (family.points.length === 0) continue
    const bytes = Buffer.from(Encoded.encode(encoded(family)))
    const length = new Writer()
    length.uint32(bytes.length)
    parts.push(length.finish(), bytes)
  }
  return Buffer.concat(parts)
}

function encoded(family: MetricFamily): Encoded {
  const unit = prometheusUnit(family)
  const head = { name: prometheusName(family), help: family.help, ...(unit === '' ? {} : { unit }) }
  switch (family.type) {
    case 'histogram':
      return {
        ...head,
        type: 'HISTOGRAM',
        metric: family.points.map((point) => histogram(family.bounds, point)),
      }
    case 'counter':
      return {
        ...head,
        type: 'COUNTER',
        metric: family.points.map(({ attributes, value, since }) => ({
          label: labels(attributes),
          counter: { value, createdTimestamp: timestamp(since) },
        })),
      }
    case 'gauge':
    case 'info':
      return {
        ...head,
        type: 'GAUGE',
        metric: family.points.map(({ attributes, value }) => ({
          label: labels(attributes),
          gauge: { value },
        })),
      }
  }
}

function histogram(bounds: readonly number[], point: HistogramPoint): Metric {
  const { attributes, counts, sum, exemplars, native, since } = point
  let total = 0
  const bucket = counts.map((count, i) => {
    total += count
    const exemplar = exemplars?.[i]
    return {
      cumulativeCount: BigInt(total),
      upperBound: bounds[i] ?? Number.POSITIVE_INFINITY,
      ...(exemplar && { exemplar: encodedExemplar(exemplar) }),
    }
  })
  return {
    label: labels(attributes),
    histogram: {
      sampleCount: BigInt(total),
      sampleSum: sum,
      bucket,
      createdTimestamp: timestamp(since),
      ...(native && {
        ...nativeFields(native),
        exemplars: exemplars?.flatMap((one) => (one ? [encodedExemplar(one)] : [])) ?? [],
      }),
    },
  }
}

/** Buckets with nothing in them are left out between spans: a gap costs less than many zeroes. */
function nativeFields({ zero, buckets }: NativeCounts): Partial<Histogram> {
  const positiveSpan: { offset: number; length: number }[] = []
  const positiveDelta: bigint[] = []
  let next = 0
  let before = 0
  for (const [index, count] of [...buckets].sort(([a], [b]) => a - b)) {
    const span = positiveSpan.at(-1)
    if (span && index === next) span.length++
    else positiveSpan.push({ offset: span ? index - next : index, length: 1 })
    positiveDelta.push(BigInt(count - before))
    before = count
    next = index + 1
  }
  return {
    schema: NATIVE_SCHEMA,
    zeroThreshold: NATIVE_ZERO_THRESHOLD,
    zeroCount: BigInt(zero),
    positiveSpan,
    positiveDelta,
  }
}

function encodedExemplar({ value, atMs, traceId, spanId }: Exemplar): EncodedExemplar {
  return {
    label: [
      { name: 'trace_id', value: traceId },
      { name: 'span_id', value: spanId },
    ],
    value,
    timestamp: timestamp(atMs),
  }
}

/** Sorted, as readers of this format expect them. */
function labels(attributes: Attributes): LabelPair[] {
  return attributes
    .filter(([, value]) => value !== '')
    .map(([key, value]) => ({ name: labelName(key), value: String(value) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function timestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000)
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) }
}
