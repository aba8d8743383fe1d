/** Read side of a value that is replaced as a whole; the value itself never changes. */
export interface Watchable<T> {
  readonly value: T
  /** Calls `listener` on every replacement (not now); the returned function stops that. */
  watch(listener: (value: T) => void): () => void
}

export class Watched<T> implements Watchable<T> {
  #value: T
  readonly #listeners = new Set<(value: T) => void>()

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  /** How many watch now: 0 means that nobody would miss it. */
  get watchers(): number {
    return this.#listeners.size
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const listener of [...this.#listeners]) listener(value)
  }

  watch(listener: (value: T) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
