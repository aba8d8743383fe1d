import type { TraceRow } from '../../../core/api/traces.ts'

/** Of each step the slowest trace, or the slowest that failed. */
export function peaksOf(rows: Iterable<TraceRow>, from: number, stepMs: number): TraceRow[] {
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
