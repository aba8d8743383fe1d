import { sizeOf, type StoredSpan } from './stored-span.ts'
import { summarize, type TraceSummary } from './trace-summary.ts'

export interface TraceStoreLimits {
  readonly maxTraces: number
  /** An estimate of what the spans take in memory. */
  readonly maxBytes: number
  readonly maxSpansPerTrace: number
}

export const DEFAULT_TRACE_LIMITS: TraceStoreLimits = {
  maxTraces: 5000,
  maxBytes: 64 * 1024 * 1024,
  maxSpansPerTrace: 500,
}

export interface TraceQuery {
  /** `catalog` or `catalog.shop`: traces in which it took part. */
  readonly service?: string | undefined
  readonly failedOnly?: boolean | undefined
  readonly limit: number
}

interface Trace {
  readonly spans: Map<string, StoredSpan>
  bytes: number
  summary: TraceSummary | undefined
}

/** The latest traces, in memory; the oldest go first. */
export class TraceStore {
  /** Spans that were not kept because their trace was full. */
  refused = 0
  readonly #limits: TraceStoreLimits
  // In the order in which their first span came.
  readonly #traces = new Map<string, Trace>()
  #bytes = 0

  constructor(limits: TraceStoreLimits = DEFAULT_TRACE_LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#traces.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** False: its trace is full. The same span again (a repeated export) replaces the first. */
  add(span: StoredSpan): boolean {
    let trace = this.#traces.get(span.traceId)
    if (!trace) {
      trace = { spans: new Map(), bytes: 0, summary: undefined }
      this.#traces.set(span.traceId, trace)
    }
    // A client and a server span share an identifier where B3 clients reuse it.
    const key = `${span.spanId}/${span.kind}`
    const known = trace.spans.get(key)
    if (!known && trace.spans.size >= this.#limits.maxSpansPerTrace) {
      this.refused++
      return false
    }
    const growth = sizeOf(span) - (known ? sizeOf(known) : 0)
    trace.spans.set(key, span)
    trace.bytes += growth
    trace.summary = undefined
    this.#bytes += growth
    this.#makeRoom()
    return true
  }

  /** In order of their start; undefined when there is no such trace. */
  get(
    traceId: string,
  ): { readonly summary: TraceSummary; readonly spans: readonly StoredSpan[] } | undefined {
    const trace = this.#traces.get(traceId)
    if (!trace) return undefined
    return {
      summary: summaryOf(trace),
      spans: [...trace.spans.values()].sort((a, b) => a.startMs - b.startMs || b.durationMs - a.durationMs),
    }
  }

  /** The latest first. */
  recent({ service, failedOnly = false, limit }: TraceQuery): readonly TraceSummary[] {
    const found: TraceSummary[] = []
    for (const trace of [...this.#traces.values()].toReversed()) {
      if (found.length >= limit) break
      const summary = summaryOf(trace)
      if (failedOnly && summary.errors === 0) continue
      if (service === undefined || tookPart(summary, service)) found.push(summary)
    }
    return found
  }

  #makeRoom(): void {
    for (const [id, trace] of this.#traces) {
      const fits = this.#traces.size <= this.#limits.maxTraces && this.#bytes <= this.#limits.maxBytes
      if (fits || this.#traces.size === 1) return
      this.#traces.delete(id)
      this.#bytes -= trace.bytes
    }
  }
}

function summaryOf(trace: Trace): TraceSummary {
  return (trace.summary ??= summarize([...trace.spans.values()]))
}

function tookPart(summary: TraceSummary, service: string): boolean {
  return summary.services.some((one) => one === service || one.slice(0, one.lastIndexOf('.')) === service)
}
