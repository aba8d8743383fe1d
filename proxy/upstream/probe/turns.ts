/** Lets so many run at once, the others in their order. */
export class Turns {
  readonly #most: number
  #running = 0
  readonly #waiting = new Set<(finished: () => void) => void>()

  constructor(most: number) {
    this.#most = most
  }

  /** `begin` is called once it is its turn, and calls back when it is over. The returned function gives a place in the queue up. */
  take(begin: (finished: () => void) => void): () => void {
    this.#waiting.add(begin)
    this.#next()
    return () => void this.#waiting.delete(begin)
  }

  #next(): void {
    for (const begin of this.#waiting) {
      if (this.#running >= this.#most) return
      this.#waiting.delete(begin)
      this.#running++
      let over = false
      begin(() => {
        if (over) return
        over = true
        this.#running--
        this.#next()
      })
    }
  }
}
