/** The middle of some ratios, and where the true middle is with a certainty of 95 % or a little more. */
export interface Interval {
  readonly middle: number
  readonly low: number
  readonly high: number
}

/**
 * By the order of the values alone, so that one round which was disturbed moves nothing: the k-th lowest and highest, k as
 * large as a coin allows that is thrown once for each (the sign test). Fewer than six say nothing: all numbers are possible.
 */
export function medianInterval(values: readonly number[]): Interval {
  const sorted = values.toSorted((a, b) => a - b)
  const count = sorted.length
  const half = count >> 1
  const upper = sorted[half] ?? NaN
  const middle = count % 2 === 1 ? upper : ((sorted[half - 1] ?? NaN) + upper) / 2
  let chance = 0.5 ** count
  let outside = -1
  for (let below = 0, sum = chance; sum <= 0.025 && below < half;) {
    outside = below
    below++
    chance *= (count - below + 1) / below
    sum += chance
  }
  if (outside < 0) return { middle, low: 0, high: Infinity }
  return { middle, low: sorted[outside] as number, high: sorted[count - 1 - outside] as number }
}

export type Verdict = 'no worse' | 'worse' | 'undecided'

/** Of what should not grow: `allowed` is 0.02 for two per cent. */
export function verdictOf({ low, high }: Interval, allowed: number): Verdict {
  if (high <= 1 + allowed) return 'no worse'
  return low > 1 + allowed ? 'worse' : 'undecided'
}
