import { BUCKETS, quantileMs } from './durations.ts'

/**
 * Requests of one kind in a while, as one row of numbers: how many took how long, by the store's own buckets, and of all of
 * them how many failed, were left by their callers, went by mutual TLS, in plaintext, and were refused by a policy. Rows
 * of the same kind are added up column by column, whoever counted them.
 */
export type Counts = Float64Array

export const FAILED = BUCKETS
export const LEFT = BUCKETS + 1
export const MUTUAL_TLS = BUCKETS + 2
export const PLAINTEXT = BUCKETS + 3
export const DENIED = BUCKETS + 4
/** Columns of a row. */
export const WIDTH = BUCKETS + 5

/** Of sums of fractions: less than that is nothing. */
const NOTHING = 1e-6

export function noCounts(): Counts {
  return new Float64Array(WIDTH)
}

export function addCounts(into: Counts, counts: ArrayLike<number>): Counts {
  for (let column = 0; column < WIDTH; column++)
    into[column] = (into[column] as number) + (counts[column] ?? 0)
  return into
}

/** Requests of a row. */
export function requestsOf(counts: ArrayLike<number>): number {
  let sum = 0
  for (let bucket = 0; bucket < BUCKETS; bucket++) sum += counts[bucket] ?? 0
  return sum < NOTHING ? 0 : sum
}

/** One column of it; fractions of what was spread over time are nobody's request. */
export function countOf(counts: ArrayLike<number>, column: number): number {
  const value = counts[column] ?? 0
  return value < NOTHING ? 0 : value
}

/** 0 to 1 of those that their callers did not leave; null when there was none. */
export function successRate(counts: ArrayLike<number>): number | null {
  const judged = requestsOf(counts) - countOf(counts, LEFT)
  return judged < NOTHING ? null : 1 - countOf(counts, FAILED) / judged
}

export function quantileOf(counts: ArrayLike<number>, share: number): number | null {
  return quantileMs(counts, share) ?? null
}
