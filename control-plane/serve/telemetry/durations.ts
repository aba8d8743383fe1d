/**
 * Upper bounds of the store's own buckets, in seconds: those of OpenTelemetry's conventions, with finer ones below
 * because a hop inside a cluster mostly takes less than 5 ms. What a reporter sends is put into them by its bounds.
 */
export const BOUNDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const
/** One bucket more than bounds. */
export const BUCKETS = BOUNDS.length + 1

/** Adds counts of a foreign histogram to `into`: each bucket goes to ours that holds its upper bound. */
export function rebucket(counts: readonly number[], bounds: readonly number[], into: Float64Array): void {
  let own = 0
  for (let i = 0; i < counts.length; i++) {
    const upper = bounds[i] ?? Number.POSITIVE_INFINITY
    while (own < BOUNDS.length && upper > (BOUNDS[own] as number)) own++
    into[own] = (into[own] as number) + (counts[i] as number)
  }
}

/**
 * The duration below which `share` (0 to 1) of all fell, in milliseconds, linear within a bucket as in Prometheus's
 * histogram_quantile; above all bounds: the last bound. Undefined when nothing was counted.
 */
export function quantileMs(counts: ArrayLike<number>, share: number): number | undefined {
  let total = 0
  for (let i = 0; i < BUCKETS; i++) total += counts[i] ?? 0
  // Fractions of what was spread over time are nobody's request.
  if (total < 1e-9) return undefined
  const rank = share * total
  let below = 0
  for (let i = 0; i < BOUNDS.length; i++) {
    const count = counts[i] ?? 0
    if (count > 0 && below + count >= rank) {
      const lower = i === 0 ? 0 : (BOUNDS[i - 1] as number)
      const upper = BOUNDS[i] as number
      return (lower + (upper - lower) * Math.max(0, (rank - below) / count)) * 1000
    }
    below += count
  }
  return (BOUNDS.at(-1) as number) * 1000
}
