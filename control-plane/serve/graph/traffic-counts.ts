import type { TimeRange } from '../../../core/api/coverage.ts'
import { addCounts, noCounts, type Counts } from '../telemetry/counts.ts'
import { finishedSlot, SLOT_MS, SLOTS } from '../telemetry/sliding-window.ts'
import type { MetricStore } from '../telemetry/metric-store.ts'

/** The tables of MetricStore, by the same names and keys. */
export const TABLES = ['servers', 'destinations', 'edges', 'backends', 'arrivals'] as const
export type TableName = (typeof TABLES)[number]

/** What was counted in a range of time; what counted nothing may be left out. */
export type TrafficCounts = { readonly [K in TableName]: ReadonlyMap<string, Counts> }

/** One row of a table. */
export interface RowName {
  readonly table: TableName
  readonly key: string
}

export function emptyCounts(): { readonly [K in TableName]: Map<string, Counts> } {
  return {
    servers: new Map(),
    destinations: new Map(),
    edges: new Map(),
    backends: new Map(),
    arrivals: new Map(),
  }
}

/** Adds rows to what is there. */
export function mergeCounts(into: ReturnType<typeof emptyCounts>, from: TrafficCounts): void {
  for (const table of TABLES)
    for (const [key, counts] of from[table]) {
      const known = into[table].get(key)
      if (known) addCounts(known, counts)
      else into[table].set(key, addCounts(noCounts(), counts))
    }
}

/** What memory holds of a range, which begins and ends with a slot of it (`recentRange`). */
export function recentCounts(metrics: MetricStore, { from, to }: TimeRange): TrafficCounts {
  const counts = emptyCounts()
  for (const table of TABLES)
    for (const [key, traffic] of metrics[table].entries()) {
      const sum = traffic.sum(from / SLOT_MS, to / SLOT_MS)
      if (sum.some((value) => value !== 0)) counts[table].set(key, sum)
    }
  return counts
}

/** One row of memory in steps of whole slots. */
export function recentRow(
  metrics: MetricStore,
  { table, key }: RowName,
  { from, to }: TimeRange,
  stepMs: number,
): Counts[] {
  const traffic = metrics[table].get(key)
  return Array.from({ length: Math.ceil((to - from) / stepMs) }, (_, step) => {
    const begin = from + step * stepMs
    return traffic?.sum(begin / SLOT_MS, Math.min(begin + stepMs, to) / SLOT_MS) ?? noCounts()
  })
}

/** The times of which memory tells: from a finished slot to another. */
export function recentRange(now: number): TimeRange {
  const end = finishedSlot(now)
  return { from: (end - SLOTS) * SLOT_MS, to: end * SLOT_MS }
}
