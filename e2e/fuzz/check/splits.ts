/** A stream up to this many bytes is cut at every place; longer ones at as many as `SAMPLED` says. */
export const EXHAUSTIVE_BYTES = 96
const SAMPLED = 12

/**
 * Where a stream of `length` bytes is cut in two: everywhere while it is short, else at places that `seed`
 * decides, with its first and last bytes always among them.
 */
export function cutPlaces(length: number, seed: number): number[] {
  if (length <= EXHAUSTIVE_BYTES) return Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1)
  const places = [1, 2, length - 2, length - 1]
  const next = numbers(seed)
  while (places.length < SAMPLED) places.push(1 + (next() % (length - 1)))
  return places
}

/** Whole numbers below 2^31 that follow from `seed` (a linear congruential generator: enough to choose places). */
export function numbers(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return (state >>> 1) ^ (state >>> 17)
  }
}
