import type { TimeRange } from '../../../core/api/coverage.ts'
import type { Ejection, Sidecar } from '../../../core/api/sidecars.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { inTurns } from '../../../core/in-turns.ts'
import type { EventLog } from '../events/event-log.ts'
import { emptyCounts, mergeCounts, recentCounts, recentRow } from '../graph/traffic-counts.ts'
import { addCounts, noCounts, type Counts } from '../telemetry/counts.ts'
import type { MetricStore } from '../telemetry/metric-store.ts'
import { SLOT_MS } from '../telemetry/sliding-window.ts'
import type { TraceStore } from '../telemetry/trace-store.ts'
import { mergedEvents, mergedSpans, mergedTraces } from './merge.ts'
import { peaksOf } from './peaks.ts'
import type { StoredTelemetry, TelemetrySource } from './telemetry-source.ts'
import { knownEnd, RECENT_MS, timesOf } from './time-grid.ts'

/** What is kept beyond memory. */
export interface Kept extends StoredTelemetry {
  /** What was counted before is there; from then on only memory knows. Milliseconds since the epoch. */
  readonly settledUntil: number
}

export interface OwnTelemetryOptions {
  readonly metrics: MetricStore
  readonly traces: TraceStore
  readonly events: EventLog
  /** Left out: memory is all there is. */
  readonly kept?: Kept | undefined
  /** How sidecars are; left out: nothing is known of them. */
  readonly sidecars?: (now: number) => readonly Sidecar[]
  readonly ejections?: (now: number) => readonly Ejection[]
  readonly clock?: Clock
}

/** What memory holds, and before that what is kept. */
export function ownTelemetry(options: OwnTelemetryOptions): TelemetrySource {
  const { metrics, traces, events, kept, sidecars, ejections, clock = systemClock } = options
  const startedAt = Math.floor(clock.now() / SLOT_MS) * SLOT_MS
  const recentFrom = (): number => Math.max(startedAt, knownEnd(clock.now()) - RECENT_MS)
  /** Where memory takes over within a range that begins at `from`. */
  const border = (from: number): number =>
    kept && from < recentFrom() ? Math.max(from, kept.settledUntil) : Math.max(from, recentFrom())
  const recent = ({ from, to }: TimeRange, begin: number): TimeRange | undefined => {
    const range = { from: Math.max(from, begin), to: Math.min(to, knownEnd(clock.now())) }
    return range.from < range.to ? range : undefined
  }
  return {
    async counts(range) {
      const begin = border(range.from)
      const counts = emptyCounts()
      // First, while it is what `begin` says.
      const known = recent(range, begin)
      if (known) mergeCounts(counts, recentCounts(metrics, known))
      if (!kept || begin <= range.from) return { since: recentFrom(), counts }
      const before = await orNothing(kept.counts({ from: range.from, to: Math.min(range.to, begin) }))
      if (before) mergeCounts(counts, before.counts)
      return { since: Math.min(before?.since ?? recentFrom(), recentFrom()), counts }
    },
    async rows(names, grid) {
      const begin = border(grid.from)
      const rows = names.map((name) =>
        timesOf(grid).map((from): Counts => {
          const known = recent({ from, to: Math.min(from + grid.stepMs, grid.to) }, begin)
          return (known && recentRow(metrics, name, known, grid.stepMs)[0]) ?? noCounts()
        }),
      )
      if (!kept || begin <= grid.from) return { since: recentFrom(), rows }
      const before = await orNothing(kept.rows(names, { ...grid, to: Math.min(grid.to, begin) }))
      for (const [index, row] of rows.entries())
        for (const [step, counts] of row.entries()) addCounts(counts, before?.rows[index]?.[step] ?? [])
      return { since: Math.min(before?.since ?? recentFrom(), recentFrom()), rows }
    },
    async traces(query) {
      const own = await inTurns(traces.searching(query))
      return kept ? mergedTraces([own, (await orNothing(kept.traces(query))) ?? []], query.limit) : own
    },
    async peaks(query, stepMs) {
      const own = await inTurns(traces.searching({ ...query, limit: Infinity }))
      const before = kept ? await orNothing(kept.peaks(query, stepMs)) : []
      return peaksOf(mergedTraces([own, before ?? []], Infinity), query.from, stepMs)
    },
    async spans(traceId) {
      const own = traces.get(traceId)?.spans ?? []
      return kept ? mergedSpans([own, (await orNothing(kept.spans(traceId))) ?? []]) : own
    },
    async events(query) {
      const own = events.search(query)
      return kept ? mergedEvents([own, (await orNothing(kept.events(query))) ?? []], query.limit) : own
    },
    async sidecars() {
      return sidecars?.(clock.now()) ?? []
    },
    async ejections() {
      return ejections?.(clock.now()) ?? []
    },
  }
}

/** Where what is kept cannot be read, what memory knows is an answer still: `since` says how far back it goes. */
async function orNothing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch {
    return undefined
  }
}
