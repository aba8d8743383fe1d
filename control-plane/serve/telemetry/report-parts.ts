import { status } from '@grpc/grpc-js'
import { LENGTH, Reader } from '../../../core/xds/wire.ts'
import { AggregationTemporality, NumberDataPoint, Span } from '../../../core/xds/generated/otlp.js'
import { GrpcError } from '../tokens/grpc-error.ts'
import { readHistogramPoint, type HistogramPoint } from './histogram-point.ts'

/** A sidecar's points have 700 bytes, its spans 1 to 10 KiB. What is longer is not decoded. */
const LONGEST_POINT = 16 * 1024
const LONGEST_SPAN = 32 * 1024
const LONGEST_NAME = 256
/** Sub-messages of one report that are looked at, whatever they hold: a sidecar sends 2,000 points, 512 spans. */
const MOST_PARTS = 20_000

/** One histogram point of a report, or undefined where it is too long to be one. */
export interface ReportedPoint {
  readonly kind: 'histogram'
  readonly metric: string
  readonly temporality: string | undefined
  readonly point: HistogramPoint | undefined
}

/** The same of a sum. */
export interface ReportedNumber {
  readonly kind: 'sum'
  readonly temporality: string | undefined
  readonly point: NumberDataPoint | undefined
}

/** The same of a gauge, which has no temporality. */
export interface GaugePoint {
  readonly kind: 'gauge'
  readonly metric: string
  readonly point: NumberDataPoint | undefined
}

/** Which metrics of a report are read, by their names; all else is never decoded. */
export interface Read {
  readonly histograms: (metric: string) => boolean
  readonly sums: (metric: string) => boolean
  readonly gauges: (metric: string) => boolean
}

/**
 * The points of an ExportMetricsServiceRequest, one after the other: whoever takes them may pause between two. Throws GrpcError,
 * or WeftError `protobuf.malformed`.
 */
export function* reportedPoints(
  request: Uint8Array,
  { histograms, sums, gauges }: Read,
): Generator<ReportedPoint | ReportedNumber | GaugePoint> {
  const parts = new Parts()
  for (const ofResource of parts.of(request, 1)) {
    for (const ofScope of parts.of(ofResource, 2))
      for (const metric of parts.of(ofScope, 2)) {
        const name = nameOf(parts, metric)
        for (const histogram of histograms(name) ? parts.of(metric, 9) : []) {
          const temporality = temporalityOf(parts, histogram)
          for (const bytes of parts.of(histogram, 1)) {
            const point = bytes.length > LONGEST_POINT ? undefined : readHistogramPoint(bytes)
            yield { kind: 'histogram', metric: name, temporality, point }
          }
        }
        for (const numbers of sums(name) ? parts.of(metric, 7) : []) {
          const temporality = temporalityOf(parts, numbers)
          for (const bytes of parts.of(numbers, 1)) yield { kind: 'sum', temporality, point: numberOf(bytes) }
        }
        for (const gauge of gauges(name) ? parts.of(metric, 5) : [])
          for (const bytes of parts.of(gauge, 1))
            yield { kind: 'gauge', metric: name, point: numberOf(bytes) }
      }
  }
}

function numberOf(bytes: Uint8Array): NumberDataPoint | undefined {
  return bytes.length > LONGEST_POINT ? undefined : NumberDataPoint.decode(bytes)
}

/** The same of the spans of an ExportTraceServiceRequest. */
export function* reportedSpans(request: Uint8Array): Generator<Span | undefined> {
  const parts = new Parts()
  for (const ofResource of parts.of(request, 1)) {
    for (const ofScope of parts.of(ofResource, 2))
      for (const bytes of parts.of(ofScope, 2))
        yield bytes.length > LONGEST_SPAN ? undefined : Span.decode(bytes)
  }
}

/** Counts what is looked at in one request. */
class Parts {
  #left = MOST_PARTS

  /** One more was looked at. */
  looked(): void {
    if (--this.#left >= 0) return
    throw new GrpcError(status.RESOURCE_EXHAUSTED, `more than ${MOST_PARTS} parts in one report`)
  }

  /** The messages under a field number. */
  *of(message: Uint8Array, number: number): Generator<Uint8Array> {
    const reader = new Reader(message)
    while (!reader.done) {
      this.looked()
      const tag = reader.uint32()
      if (tag >>> 3 === number && (tag & 7) === LENGTH) yield reader.view()
      else reader.skip(tag & 7)
    }
  }
}

function nameOf(parts: Parts, metric: Uint8Array): string {
  let name = ''
  for (const bytes of parts.of(metric, 1))
    name = bytes.length > LONGEST_NAME ? '' : Buffer.from(bytes).toString('utf8')
  return name
}

/** Field 2 of a histogram and of a sum. */
function temporalityOf(parts: Parts, histogram: Uint8Array): string | undefined {
  const reader = new Reader(histogram)
  let value = 0
  while (!reader.done) {
    parts.looked()
    const tag = reader.uint32()
    if (tag === 2 << 3) value = reader.uint32()
    else reader.skip(tag & 7)
  }
  return AggregationTemporality.byNumber.get(value)
}
