/** Exponential backoff with full jitter below the top half, so that peers that failed together part. */
export class Backoff {
  readonly #baseMs: number
  readonly #maxMs: number
  readonly #random: () => number
  #attempt = 0

  constructor(options: { baseMs: number; maxMs: number; random?: () => number }) {
    this.#baseMs = options.baseMs
    this.#maxMs = options.maxMs
    this.#random = options.random ?? Math.random
  }

  /** Milliseconds to wait before the next try. */
  next(): number {
    const ceiling = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#attempt)
    if (ceiling < this.#maxMs) this.#attempt++
    return ceiling / 2 + (this.#random() * ceiling) / 2
  }

  reset(): void {
    this.#attempt = 0
  }
}
