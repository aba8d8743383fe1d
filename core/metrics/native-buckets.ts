/**
 * Resolution of native histograms: a bucket's upper bound is 2^(1/8) of its lower one, 9 %
 * (https://prometheus.io/docs/specs/native_histograms/#schema).
 */
export const NATIVE_SCHEMA = 3
const PER_DOUBLING = 2 ** NATIVE_SCHEMA
/** What is not above counts as nothing: 2^-17 s is 8 µs. A power of two, so that a bucket begins there. */
const ZERO_POWER = -17
export const NATIVE_ZERO_THRESHOLD = 2 ** ZERO_POWER
/** Above 2^20 s, twelve days, all is one bucket: so there are 297 of them at most. */
const LARGEST_POWER = 20
const FIRST = ZERO_POWER * PER_DOUBLING + 1
const LAST = LARGEST_POWER * PER_DOUBLING + 1

/** Observations of one set in exponential buckets, each added as it comes. */
export class NativeBuckets {
  zero = 0
  readonly buckets = new Map<number, number>()

  add(value: number, count = 1): void {
    if (!(value > NATIVE_ZERO_THRESHOLD)) {
      this.zero += count
      return
    }
    const index = nativeIndex(value)
    this.buckets.set(index, (this.buckets.get(index) ?? 0) + count)
  }
}

/** The bucket of a value above the threshold: bucket i ends at 2^(i/8), inclusive. */
export function nativeIndex(value: number): number {
  const index = Math.ceil(Math.log2(value) * PER_DOUBLING)
  return index < FIRST ? FIRST : index > LAST ? LAST : index
}

/**
 * What classic buckets counted before anybody asked for native ones: each at the upper bound of its bucket, those above all
 * bounds at the last one. Rates, which is what is asked of histograms, begin after it.
 */
export function nativeOf(bounds: readonly number[], counts: readonly number[]): NativeBuckets {
  const native = new NativeBuckets()
  counts.forEach((count, i) => {
    if (count > 0) native.add(bounds[Math.min(i, bounds.length - 1)] ?? 0, count)
  })
  return native
}
