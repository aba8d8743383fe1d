import { numberOf, textOf } from './attributes.ts'
import type { StoredSpan } from './stored-span.ts'

/** One line of the list of traces: plain JSON. */
export interface TraceSummary {
  readonly traceId: string
  readonly startMs: number
  readonly durationMs: number
  /** Of the first span whose parent is not here. */
  readonly service: string
  readonly namespace: string
  readonly method: string
  readonly path: string
  readonly name: string
  /** HTTP status that the root saw; 0: none came. Undefined: it is no HTTP span. */
  readonly status: number | undefined
  readonly failed: boolean
  readonly spanCount: number
  /** Spans that ended in an error, the root among them. */
  readonly errors: number
  /** Tries beyond the first, of all hops. */
  readonly retries: number
  /** `catalog.shop` and so on, in the order in which they began. */
  readonly services: readonly string[]
}

/** `spans` is not empty and all of one trace. */
export function summarize(spans: readonly StoredSpan[]): TraceSummary {
  const ids = new Set(spans.map((span) => span.spanId))
  const ordered = [...spans].sort((a, b) => a.startMs - b.startMs)
  const root = ordered.find((span) => !ids.has(span.parentSpanId)) ?? (ordered[0] as StoredSpan)
  const startMs = (ordered[0] as StoredSpan).startMs
  let endMs = startMs
  let retries = 0
  let errors = 0
  for (const span of ordered) {
    endMs = Math.max(endMs, span.startMs + span.durationMs)
    retries += Math.max(0, numberOf(span.attributes, 'http.request.resend_count') ?? 0)
    if (span.status === 'error') errors++
  }
  return {
    traceId: root.traceId,
    startMs,
    durationMs: endMs - startMs,
    service: root.service,
    namespace: root.namespace,
    method: textOf(root.attributes, 'http.request.method'),
    path: textOf(root.attributes, 'url.path'),
    name: root.name,
    status: numberOf(root.attributes, 'http.response.status_code'),
    failed: root.status === 'error',
    spanCount: spans.length,
    errors,
    retries,
    services: [...new Set(ordered.map((span) => `${span.service}.${span.namespace}`))],
  }
}
