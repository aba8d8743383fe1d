/** What one process held at one moment. */
export interface Sample {
  readonly seconds: number
  readonly rssKib: number
  readonly descriptors: number
}

export interface Verdict {
  readonly flat: boolean
  /** Lower quartile of the second fifth and of the last fifth: the first is the warm-up. */
  readonly rssKib: readonly [number, number]
  readonly peakRssKib: number
  /** Medians of the same two. */
  readonly descriptors: readonly [number, number]
}

// The collector lets memory swing: a leak is what lifts the floor. 10 minutes of 100 bytes a request would be above.
const GROWTH = 1.1
const SLACK_KIB = 4096
const SLACK_DESCRIPTORS = 8

/** Whether memory and descriptors are at the end what they were after the warm-up. Needs 10 samples. */
export function judge(samples: readonly Sample[]): Verdict {
  const fifth = Math.floor(samples.length / 5)
  const early = samples.slice(fifth, 2 * fifth)
  const late = samples.slice(-fifth)
  const rssKib = [early, late].map((part) => quantile(part, 'rssKib', 0.25)) as [number, number]
  const descriptors = [early, late].map((part) => quantile(part, 'descriptors', 0.5)) as [number, number]
  return {
    flat: rssKib[1] <= rssKib[0] * GROWTH + SLACK_KIB && descriptors[1] <= descriptors[0] + SLACK_DESCRIPTORS,
    rssKib,
    peakRssKib: Math.max(...samples.map((sample) => sample.rssKib)),
    descriptors,
  }
}

function quantile(samples: readonly Sample[], of: 'rssKib' | 'descriptors', q: number): number {
  const sorted = samples.map((sample) => sample[of]).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * q)] ?? 0
}
