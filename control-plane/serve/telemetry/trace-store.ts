import { FairBudget, type Owner } from './fair-budget.ts'
import { sizeOf, type StoredSpan } from './stored-span.ts'
import type { TraceRow } from '../../../core/api/traces.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { atOnce } from '../../../core/in-turns.ts'
import { HELD_BACK_MS, isHeldBack, matchesTrace, type TraceQuery } from './trace-query.ts'
import { summarize } from './trace-summary.ts'

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

/** What one pod told of a trace, by identifier and kind of the span: only its own are replaced by what it tells again. */
interface Told {
  readonly owner: Owner
  readonly spans: Map<string, StoredSpan>
  bytes: number
}

interface Trace {
  /** By namespace and pod. */
  readonly told: Map<string, Told>
  spanCount: number
  /** When its first span came, by our clock. */
  readonly since: number
  summary: TraceRow | undefined
}

/** What a pod's part of a trace takes beyond its spans. */
const PART_BYTES = 512

/** The latest traces, in memory; the oldest of the pod that has most in it go first. */
export class TraceStore {
  /** Spans that were not kept because their trace was full. */
  refused = 0
  readonly #limits: TraceStoreLimits
  readonly #clock: Clock
  // In the order in which their first span came.
  readonly #traces = new Map<string, Trace>()
  readonly #budget: FairBudget

  constructor(limits: TraceStoreLimits = DEFAULT_TRACE_LIMITS, clock: Clock = systemClock) {
    this.#limits = limits
    this.#clock = clock
    const { maxBytes } = limits
    const shares = { perPod: maxBytes, perNamespace: maxBytes, total: maxBytes }
    this.#budget = new FairBudget(shares, (owner, traceId) => this.#forget(owner, traceId))
  }

  get size(): number {
    return this.#traces.size
  }

  get bytes(): number {
    return this.#budget.size
  }

  /** False: its trace is full. The same span again from the same pod (a repeated export) replaces the first. */
  add(span: StoredSpan): boolean {
    const owner = { namespace: span.namespace, pod: span.pod }
    const trace = this.#traces.get(span.traceId) ?? {
      told: new Map(),
      spanCount: 0,
      since: this.#clock.now(),
      summary: undefined,
    }
    const told = trace.told.get(ownerKey(owner)) ?? { owner, spans: new Map(), bytes: PART_BYTES }
    // A client and a server span share an identifier where B3 clients reuse it.
    const key = `${span.spanId}/${span.kind}`
    const known = told.spans.get(key)
    if (
      !known &&
      trace.spanCount >= this.#limits.maxSpansPerTrace &&
      !this.#yield(span.traceId, trace, told)
    ) {
      this.refused++
      return false
    }
    this.#traces.set(span.traceId, trace)
    trace.told.set(ownerKey(owner), told)
    told.spans.set(key, span)
    told.bytes += sizeOf(span) - (known ? sizeOf(known) : 0)
    if (!known) trace.spanCount++
    trace.summary = undefined
    this.#budget.hold(owner, span.traceId, told.bytes)
    while (this.#traces.size > this.#limits.maxTraces && this.#budget.evictOne());
    return true
  }

  /** In a full trace the pod that told most of it gives way to one that told less. */
  #yield(traceId: string, trace: Trace, told: Told): boolean {
    let most = told
    for (const one of trace.told.values()) if (one.spans.size > most.spans.size) most = one
    const [latest] = [...most.spans.keys()].slice(-1)
    if (latest === undefined || most.spans.size <= told.spans.size + 1) return false
    most.bytes -= sizeOf(most.spans.get(latest) as StoredSpan)
    most.spans.delete(latest)
    trace.spanCount--
    this.refused++
    this.#budget.hold(most.owner, traceId, most.bytes)
    return true
  }

  /** In order of their start; undefined when there is no such trace. */
  get(traceId: string): { readonly summary: TraceRow; readonly spans: readonly StoredSpan[] } | undefined {
    const trace = this.#traces.get(traceId)
    if (!trace) return undefined
    return {
      summary: summaryOf(trace),
      spans: spansOf(trace).sort((a, b) => a.startMs - b.startMs || b.durationMs - a.durationMs),
    }
  }

  /** Those that began last first, one more than the limit where there are more; what is held back is left out. */
  search(query: TraceQuery): readonly TraceRow[] {
    return atOnce(this.searching(query))
  }

  /** The same, a trace at each step. */
  *searching(query: TraceQuery): Generator<void, readonly TraceRow[]> {
    const shown = this.#clock.now() - HELD_BACK_MS
    const found: TraceRow[] = []
    for (const trace of this.#traces.values()) {
      const row = summaryOf(trace)
      yield
      if (trace.since > shown && isHeldBack(row, () => spansOf(trace))) continue
      if (matchesTrace(query, row, () => spansOf(trace))) found.push(row)
    }
    return found.sort((a, b) => b.startMs - a.startMs).slice(0, query.limit + 1)
  }

  #forget(owner: Owner, traceId: string): void {
    const trace = this.#traces.get(traceId)
    const told = trace?.told.get(ownerKey(owner))
    if (!trace || !told) return
    trace.told.delete(ownerKey(owner))
    trace.spanCount -= told.spans.size
    trace.summary = undefined
    if (trace.told.size === 0) this.#traces.delete(traceId)
  }
}

function ownerKey({ namespace, pod }: Owner): string {
  return `${namespace}/${pod}`
}

function spansOf(trace: Trace): StoredSpan[] {
  return [...trace.told.values()].flatMap(({ spans }) => [...spans.values()])
}

function summaryOf(trace: Trace): TraceRow {
  return (trace.summary ??= summarize(spansOf(trace)))
}
