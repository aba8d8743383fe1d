import type { Coverage, TimeRange } from './coverage.ts'

/**
 * `GET /api/traces?last|from&to` and any of `service` (`catalog` or `catalog.shop`), `namespace`, `route`, `status` (`503` or `5xx`), `flag`
 * (`UF`), `identity`, `method`, `path` (prefix), `min` and `max` (milliseconds), `failed`, `limit`: the newest first.
 */
export interface TraceSearch extends TimeRange {
  readonly coverage: Coverage
  readonly traces: readonly TraceRow[]
  /** There are more than the limit. */
  readonly more: boolean
}

/** A line of the list, a dot of the scatter. */
export interface TraceRow {
  readonly traceId: string
  readonly startMs: number
  readonly durationMs: number
  readonly service: string
  readonly namespace: string
  readonly method: string
  readonly path: string
  readonly name: string
  readonly status?: number | undefined
  readonly failed: boolean
  readonly spanCount: number
  readonly errors: number
  readonly retries: number
  readonly services: readonly string[]
  readonly flags: readonly string[]
  /** Spans name parents that are not there, or a hop told of its half alone: what is still to come, or will never. */
  readonly whole: boolean
}

export interface SpanView {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly kind: string
  readonly service: string
  readonly namespace: string
  readonly pod: string
  readonly startMs: number
  readonly durationMs: number
  readonly status: 'unset' | 'ok' | 'error'
  readonly statusMessage: string
  readonly attributes: Readonly<Record<string, string | number | boolean>>
}

/** `GET /api/traces/ID` */
export interface TraceView extends TraceRow {
  readonly coverage: Coverage
  readonly spans: readonly SpanView[]
}
