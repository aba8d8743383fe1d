import type { TraceRow } from '../../../core/api/traces.ts'

export interface HeldRows {
  /** In the order in which they were when the list was made. */
  readonly rows: readonly TraceRow[]
  /** Newer ones that wait until somebody asks for them. */
  readonly waiting: number
}

/**
 * A list that does not move: rows that are shown stay where they are and only learn more of themselves (spans that came late);
 * what is new waits. Rows that are no longer kept stay, too: whoever was about to choose one is told so by its own page.
 */
export function hold(shown: readonly TraceRow[], newest: readonly TraceRow[]): HeldRows {
  if (shown.length === 0) return { rows: newest, waiting: 0 }
  const found = new Map(newest.map((row) => [row.traceId, row]))
  const known = new Set(shown.map(({ traceId }) => traceId))
  return {
    rows: shown.map((row) => found.get(row.traceId) ?? row),
    waiting: newest.filter(({ traceId }) => !known.has(traceId)).length,
  }
}
