/** In order; so many at once. Rejects with the first that does, and begins no more. */
export async function eachOf<T, U>(
  all: readonly T[],
  atOnce: number,
  ask: (one: T) => Promise<U>,
): Promise<U[]> {
  const answers: U[] = []
  let next = 0
  let failed = false
  const lane = async (): Promise<void> => {
    while (next < all.length && !failed) {
      const at = next++
      try {
        answers[at] = await ask(all[at] as T)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, all.length) }, lane))
  return answers
}
