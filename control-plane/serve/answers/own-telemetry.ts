import type { TimeRange } from '../../../core/api/coverage.ts'
import type { TraceRow } from '../../../core/api/traces.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { emptyCounts, recentCounts, recentRow } from '../graph/traffic-counts.ts'
import { noCounts } from '../telemetry/counts.ts'
import type { EventLog } from '../events/event-log.ts'
import type { MetricStore } from '../telemetry/metric-store.ts'
import { SLOT_MS } from '../telemetry/sliding-window.ts'
import type { TraceStore } from '../telemetry/trace-store.ts'
import type { TelemetrySource } from './telemetry-source.ts'
import { knownEnd, RECENT_MS, timesOf } from './time-grid.ts'

export interface OwnTelemetryOptions {
  readonly metrics: MetricStore
  readonly traces: TraceStore
  readonly events: EventLog
  readonly clock?: Clock
}

/** What memory holds. */
export function ownTelemetry({
  metrics,
  traces,
  events,
  clock = systemClock,
}: OwnTelemetryOptions): TelemetrySource {
  const startedAt = Math.floor(clock.now() / SLOT_MS) * SLOT_MS
  /** What memory has of it; undefined: nothing. */
  const recent = ({ from, to }: TimeRange): TimeRange | undefined => {
    const end = knownEnd(clock.now())
    const range = { from: Math.max(from, end - RECENT_MS, startedAt), to: Math.min(to, end) }
    return range.from < range.to ? range : undefined
  }
  const since = (): number => Math.max(startedAt, knownEnd(clock.now()) - RECENT_MS)
  return {
    async counts(range) {
      const known = recent(range)
      return { since: since(), counts: known ? recentCounts(metrics, known) : emptyCounts() }
    },
    async rows(names, grid) {
      const { stepMs } = grid
      return {
        since: since(),
        rows: names.map((name) =>
          timesOf(grid).map((from) => {
            const known = recent({ from, to: Math.min(from + stepMs, grid.to) })
            return (known && recentRow(metrics, name, known, stepMs)[0]) ?? noCounts()
          }),
        ),
      }
    },
    traces: async (query) => traces.search(query),
    peaks: async (query, stepMs) => peaksOf(traces.search({ ...query, limit: Infinity }), query.from, stepMs),
    spans: async (traceId) => traces.get(traceId)?.spans ?? [],
    events: async (query) => events.search(query),
  }
}

/** Of each step the slowest trace, or the slowest that failed. */
export function peaksOf(rows: readonly TraceRow[], from: number, stepMs: number): TraceRow[] {
  const steps = new Map<number, TraceRow>()
  for (const row of rows) {
    const step = Math.floor((row.startMs - from) / stepMs)
    const peak = steps.get(step)
    const failed = isFailed(row)
    const beats =
      !peak || (failed && !isFailed(peak)) || (failed === isFailed(peak) && row.durationMs > peak.durationMs)
    if (beats) steps.set(step, row)
  }
  return [...steps.values()].sort((a, b) => a.startMs - b.startMs)
}

function isFailed({ failed, errors }: TraceRow): boolean {
  return failed || errors > 0
}
