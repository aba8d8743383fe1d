import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { TraceRow } from '../../core/api/traces.ts'
import { KEPT_MS } from '../serve/answers/time-grid.ts'
import { sizeOf, type StoredSpan } from '../serve/telemetry/stored-span.ts'
import { isHeldBack, HELD_BACK_MS, matchesTrace, type TraceQuery } from '../serve/telemetry/trace-query.ts'
import { summarize } from '../serve/telemetry/trace-summary.ts'

export interface TracePartsLimits {
  /** An estimate of what the spans take. */
  readonly maxBytes: number
  readonly maxSpansPerTrace: number
}

/** Those that failed may take so much of it before they go as others do. */
const FAILED_SHARE = 0.5
/** Let go of at once, of all that may be held: each look for the greediest costs. */
const EVICTED_SHARE = 0.02
/** A clock may be ahead by that. Who says more, or that it began before all that is kept, would move or end a trace of others. */
const AHEAD_MS = 3_600_000
/** Rows that one search looks at. */
const MOST_LOOKED_AT = 200_000

/**
 * Traces, in parts: what one pod told of one of them. When it is too much, the oldest of the pod that holds most go first, those
 * that failed last; who tells little loses nothing to one who tells much.
 */
export class TraceParts {
  readonly #database: DatabaseSync
  readonly #limits: TracePartsLimits
  readonly #parts: StatementSync
  /** Bytes by `namespace/pod`, all of them and those of traces that failed. */
  readonly #held = new Map<string, { all: number; failed: number }>()
  #bytes = 0

  constructor(database: DatabaseSync, limits: TracePartsLimits) {
    this.#database = database
    this.#limits = limits
    this.#parts = database.prepare('SELECT namespace, pod, bytes, failed, spans FROM parts WHERE trace = ?')
    const sums = database.prepare(
      'SELECT namespace, pod, failed, sum(bytes) AS bytes FROM parts GROUP BY namespace, pod, failed',
    )
    for (const { namespace, pod, failed, bytes } of sums.all())
      this.#hold(`${String(namespace)}/${String(pod)}`, Number(bytes), Number(failed))
  }

  get bytes(): number {
    return this.#bytes
  }

  /** `now`: when they came. */
  write(spans: readonly StoredSpan[], now: number): void {
    const credible = spans.filter(({ startMs }) => startMs >= now - KEPT_MS && startMs <= now + AHEAD_MS)
    for (const [trace, own] of Map.groupBy(credible, ({ traceId }) => traceId))
      this.#writeTrace(trace, own, now)
    if (this.#bytes > this.#limits.maxBytes) this.#evict()
  }

  /** What began before that goes, and what says that it begins later than any clock that can be believed. */
  forget(before: number, now: number): void {
    const old = this.#database
      .prepare('SELECT trace FROM traces WHERE start < ? OR start > ? LIMIT 5000')
      .all(before, now + AHEAD_MS)
    for (const { trace } of old) this.#remove(String(trace))
  }

  spans(trace: string): StoredSpan[] {
    return this.#parts.all(trace).flatMap(({ spans }) => JSON.parse(String(spans)) as StoredSpan[])
  }

  /** The spans of each trace, the oldest first, and when the first of them came. */
  *all(): Generator<{ readonly spans: readonly StoredSpan[]; readonly came: number }> {
    const traces = this.#database.prepare('SELECT trace, came FROM traces ORDER BY start').iterate()
    for (const { trace, came } of traces) yield { spans: this.spans(String(trace)), came: Number(came) }
  }

  search(query: TraceQuery, now: number): TraceRow[] {
    const found: TraceRow[] = []
    for (const row of this.matching(query, now)) {
      found.push(row)
      if (found.length > query.limit) break
    }
    return found
  }

  /** All of them, the newest first. */
  *matching(query: TraceQuery, now: number): Generator<TraceRow> {
    const { from, to, failed = false } = query
    const rows = this.#database
      .prepare(
        'SELECT trace, came, row FROM traces WHERE start >= ? AND start < ? AND failed >= ? ORDER BY start DESC LIMIT ?',
      )
      .iterate(from, to, failed ? 1 : 0, MOST_LOOKED_AT)
    for (const { trace, came, row: text } of rows) {
      const row = JSON.parse(String(text)) as TraceRow
      const spans = (): StoredSpan[] => this.spans(String(trace))
      if (Number(came) > now - HELD_BACK_MS && isHeldBack(row, spans)) continue
      if (matchesTrace(query, row, spans)) yield row
    }
  }

  #writeTrace(trace: string, spans: readonly StoredSpan[], now: number): void {
    const parts = new Map<string, Map<string, StoredSpan>>()
    const add = (span: StoredSpan): void => {
      const key = `${span.namespace}/${span.pod}`
      const part = parts.get(key) ?? new Map<string, StoredSpan>()
      parts.set(key, part.set(`${span.spanId}/${span.kind}`, span))
    }
    const known = this.#parts.all(trace)
    for (const { spans: text } of known)
      for (const span of JSON.parse(String(text)) as StoredSpan[]) add(span)
    let count = [...parts.values()].reduce((sum, part) => sum + part.size, 0)
    for (const span of spans) {
      const again = parts.get(`${span.namespace}/${span.pod}`)?.has(`${span.spanId}/${span.kind}`) ?? false
      if (!again && count >= this.#limits.maxSpansPerTrace) continue
      if (!again) count++
      add(span)
    }
    for (const { namespace, pod, bytes, failed } of known)
      this.#hold(`${String(namespace)}/${String(pod)}`, -Number(bytes), Number(failed))
    const row = summarize([...parts.values()].flatMap((part) => [...part.values()]))
    const failed = row.failed || row.errors > 0 ? 1 : 0
    for (const [owner, part] of parts) {
      const [first] = part.values()
      if (!first) continue
      const bytes = [...part.values()].reduce((sum, span) => sum + sizeOf(span), 0)
      this.#database
        .prepare(
          'INSERT OR REPLACE INTO parts (trace, namespace, pod, start, bytes, failed, spans) VALUES (?, ?, ?, ?, ?, ?, ?)',
        )
        .run(
          trace,
          first.namespace,
          first.pod,
          row.startMs,
          bytes,
          failed,
          JSON.stringify([...part.values()]),
        )
      this.#hold(owner, bytes, failed)
    }
    this.#writeRow(row, failed, now)
  }

  /** When the first of it came stays. */
  #writeRow(row: TraceRow, failed: number, now: number): void {
    this.#database
      .prepare(
        `INSERT INTO traces (trace, start, duration, failed, came, row) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (trace) DO UPDATE SET
           start = excluded.start, duration = excluded.duration, failed = excluded.failed, row = excluded.row`,
      )
      .run(row.traceId, row.startMs, row.durationMs, failed, now, JSON.stringify(row))
  }

  #remove(trace: string): void {
    for (const { namespace, pod, bytes, failed } of this.#parts.all(trace))
      this.#hold(`${String(namespace)}/${String(pod)}`, -Number(bytes), Number(failed))
    this.#database.prepare('DELETE FROM parts WHERE trace = ?').run(trace)
    this.#database.prepare('DELETE FROM traces WHERE trace = ?').run(trace)
  }

  #hold(owner: string, bytes: number, failed: number): void {
    const held = this.#held.get(owner) ?? { all: 0, failed: 0 }
    held.all += bytes
    if (failed === 1) held.failed += bytes
    this.#bytes += bytes
    if (held.all <= 0) this.#held.delete(owner)
    else this.#held.set(owner, held)
  }

  /** What of a trace goes takes the rest of that pod's parts with it, not the parts of other pods. */
  #evict(): void {
    const target = this.#limits.maxBytes * (1 - EVICTED_SHARE)
    while (this.#bytes > target && this.#held.size > 0) {
      const failedBytes = [...this.#held.values()].reduce((sum, { failed }) => sum + failed, 0)
      const failed = failedBytes > this.#limits.maxBytes * FAILED_SHARE || failedBytes >= this.#bytes
      const owner = this.#greediest(failed)
      if (owner === undefined) return
      const slash = owner.indexOf('/')
      const parts = this.#database
        .prepare(
          'SELECT trace, bytes FROM parts WHERE namespace = ? AND pod = ? AND failed = ? ORDER BY start LIMIT 64',
        )
        .all(owner.slice(0, slash), owner.slice(slash + 1), failed ? 1 : 0)
      if (parts.length === 0) return
      for (const { trace, bytes } of parts) {
        this.#evictPart(String(trace), owner, Number(bytes), failed ? 1 : 0)
        if (this.#bytes <= target) return
      }
    }
  }

  #evictPart(trace: string, owner: string, bytes: number, failed: number): void {
    const slash = owner.indexOf('/')
    this.#database
      .prepare('DELETE FROM parts WHERE trace = ? AND namespace = ? AND pod = ?')
      .run(trace, owner.slice(0, slash), owner.slice(slash + 1))
    this.#hold(owner, -bytes, failed)
    const left = this.spans(trace)
    if (left.length === 0) this.#database.prepare('DELETE FROM traces WHERE trace = ?').run(trace)
    else this.#writeRow(summarize(left), failed, 0)
  }

  /** Of the namespace that holds most its pod that holds most, of the kind that is to go. */
  #greediest(failed: boolean): string | undefined {
    const of = ({ all, failed: own }: { all: number; failed: number }): number => (failed ? own : all - own)
    const namespaces = new Map<string, number>()
    for (const [owner, held] of this.#held) {
      const namespace = owner.slice(0, owner.indexOf('/'))
      namespaces.set(namespace, (namespaces.get(namespace) ?? 0) + of(held))
    }
    const [greedy] = [...namespaces].sort(([, a], [, b]) => b - a)
    const pods = [...this.#held].filter(
      ([owner, held]) => owner.startsWith(`${greedy?.[0]}/`) && of(held) > 0,
    )
    return pods.sort(([, a], [, b]) => of(b) - of(a))[0]?.[0]
  }
}
