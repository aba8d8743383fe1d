/** The newest so many of what comes, the newest first. */
export interface Ring<T> {
  readonly shown: readonly T[]
  /** Newer ones, held back while somebody looks at a row. */
  readonly held: readonly T[]
}

export const RING_SIZE = 300

export function emptyRing<T>(): Ring<T> {
  return { shown: [], held: [] }
}

/** With `holding`, what comes waits, and of that the newest stay. */
export function taken<T>(ring: Ring<T>, come: readonly T[], holding: boolean): Ring<T> {
  const newest = come.toReversed()
  if (holding) return { shown: ring.shown, held: [...newest, ...ring.held].slice(0, RING_SIZE) }
  return { shown: [...newest, ...ring.held, ...ring.shown].slice(0, RING_SIZE), held: [] }
}
