import type { TimeRange } from '../../../core/api/coverage.ts'
import { finishedSlot, SLOT_MS, SLOTS } from '../telemetry/sliding-window.ts'

/**
 * How finely what was counted is kept, by how long ago it was: in memory each two seconds of the last two minutes, where
 * people look at what happens; each ten of an hour, which shows what a rollout or a step of a canary did; each minute of
 * six hours, a working day's half; each ten minutes of a day, which is a chart of 144 points. Milliseconds.
 */
export const LEVELS = [
  { stepMs: 10_000, keptMs: 3_600_000 },
  { stepMs: 60_000, keptMs: 6 * 3_600_000 },
  { stepMs: 600_000, keptMs: 24 * 3_600_000 },
] as const

/** The longest that anything is kept. */
export const KEPT_MS = 24 * 3_600_000
/** What memory is asked for. One slot may begin to be filled anew while it is read. */
export const RECENT_MS = (SLOTS - 5) * SLOT_MS

/** In equal steps; the last one may be shorter. */
export interface TimeGrid extends TimeRange {
  readonly stepMs: number
}

/** The end of what is known: reporters still tell of what comes after. */
export function knownEnd(now: number): number {
  return finishedSlot(now) * SLOT_MS
}

/** The finest steps in which what happened at a time is kept. */
export function stepAt(at: number, now: number): number {
  const age = now - at
  if (age <= RECENT_MS) return SLOT_MS
  return (LEVELS.find(({ keptMs }) => age <= keptMs) ?? LEVELS[LEVELS.length - 1])?.stepMs ?? SLOT_MS
}

/** The range in whole steps of what is kept, and no longer than what is known. */
export function alignedRange({ from, to }: TimeRange, now: number): TimeRange {
  const end = knownEnd(now)
  const up = (at: number): number => Math.ceil(at / stepAt(at, now)) * stepAt(at, now)
  const last = Math.min(up(to), end)
  const first = Math.floor(from / stepAt(from, now)) * stepAt(from, now)
  return { from: Math.min(first, last - SLOT_MS), to: last }
}

/** The range in at most so many steps, each of whole steps of what is kept. */
export function gridOf(range: TimeRange, points: number, now: number): TimeGrid {
  const { from, to } = alignedRange(range, now)
  const least = stepAt(from, now)
  const stepMs = Math.max(1, Math.ceil((to - from) / points / least)) * least
  const first = Math.floor(from / stepMs) * stepMs
  return { from: first, to, stepMs }
}

/** Beginning of each step. */
export function timesOf({ from, to, stepMs }: TimeGrid): number[] {
  return Array.from({ length: Math.ceil((to - from) / stepMs) }, (_, step) => from + step * stepMs)
}
