/** Read side of a value that is replaced as a whole; the value itself never changes. */
export interface Watchable<T> {
  readonly value: T
  /** Calls `listener` on every replacement (not now); the returned function stops that. Each call is a watch of its own. */
  watch(listener: (value: T) => void): () => void
}

export class Watched<T> implements Watchable<T> {
  #value: T
  readonly #watches = new Set<{ readonly listener: (value: T) => void }>()

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  /** How many watch now: 0 means that nobody would miss it. */
  get watchers(): number {
    return this.#watches.size
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const { listener } of [...this.#watches]) listener(value)
  }

  watch(listener: (value: T) => void): () => void {
    const watch = { listener }
    this.#watches.add(watch)
    return () => this.#watches.delete(watch)
  }
}
