// What a part of Weft counts, before it is written in any format: Prometheus' text, OpenMetrics, its protobuf, OTLP.

/** Keys are OpenTelemetry's, with dots; Prometheus reads them with underscores. '' says as much as nothing, and is left out. */
export type Attributes = readonly (readonly [key: string, value: string | number | boolean])[]

/** A request of a trace that stands for a bucket of a histogram. */
export interface Exemplar {
  /** In the histogram's unit. */
  readonly value: number
  /** Milliseconds since the epoch. */
  readonly atMs: number
  /** Lower-case hex. */
  readonly traceId: string
  readonly spanId: string
}

export interface NumberPoint {
  readonly attributes: Attributes
  readonly value: number
  /** When its counting began, of a counter. Milliseconds since the epoch. */
  readonly since: number
}

/** Counts of a native histogram; its resolution is NATIVE_SCHEMA (native-buckets.ts). */
export interface NativeCounts {
  readonly zero: number
  /** By index of the bucket, in no order. */
  readonly buckets: ReadonlyMap<number, number>
}

export interface HistogramPoint {
  readonly attributes: Attributes
  readonly since: number
  /** Not cumulative; one more than the family's bounds, the last above all of them. */
  readonly counts: readonly number[]
  readonly sum: number
  /** By bucket. */
  readonly exemplars?: readonly (Exemplar | undefined)[] | undefined
  /** Asked for; of all that `counts` counts. */
  readonly native?: NativeCounts | undefined
}

interface Described {
  /** OpenTelemetry's, with dots: `http.server.request.duration`. One without dots is written as it stands. */
  readonly name: string
  /** By UCUM: `s`, `By`, `{request}`; '' of what has none. */
  readonly unit: string
  /** One sentence. */
  readonly help: string
}

export type MetricFamily = Described &
  (
    | { readonly type: 'counter' | 'gauge'; readonly points: readonly NumberPoint[] }
    /** Always 1; what it says stands in its attributes. */
    | { readonly type: 'info'; readonly points: readonly NumberPoint[] }
    | {
        readonly type: 'histogram'
        /** Upper bounds of the buckets, inclusive, growing. */
        readonly bounds: readonly number[]
        readonly points: readonly HistogramPoint[]
      }
  )

/** What a metric is called and says, whatever it counts now: for tables and tests. */
export type MetricDescription = Described & { readonly type: MetricFamily['type'] }

/**
 * Units as Prometheus' names have them at their end; those in braces count things, and have none
 * (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#metric-metadata-1).
 */
const UNITS: Readonly<Record<string, string>> = {
  s: 'seconds',
  ms: 'milliseconds',
  By: 'bytes',
  '1': 'ratio',
}

/** The unit as OpenMetrics says it, or ''. */
export function prometheusUnit({ unit }: { readonly unit: string }): string {
  return UNITS[unit] ?? ''
}

/** What OpenMetrics calls the family: without `_total`, and without `_info`. */
export function familyName({ name, unit, type }: MetricDescription): string {
  const words = plain(name)
  const end = prometheusUnit({ unit })
  // A foreign name brings its own suffixes.
  const bare = type === 'counter' ? words.replace(/_total$/, '') : words.replace(/_info$/, '')
  return end === '' || bare.endsWith(`_${end}`) ? bare : `${bare}_${end}`
}

/** What queries name: of a counter with `_total`, of an info with `_info`. */
export function prometheusName(family: MetricDescription): string {
  const name = familyName(family)
  return family.type === 'counter' ? `${name}_total` : family.type === 'info' ? `${name}_info` : name
}

/** The attribute's key as a label's name. */
export function labelName(key: string): string {
  return plain(key)
}

function plain(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_]/g, '_')
}
