/**
 * Turns by weight, earliest deadline first: who had a turn is due again after 1 / weight. A heavy member gets its turns
 * between those of the others and not one after the other. O(log n) a turn; weights may change from turn to turn.
 */
export class Schedule {
  /** Members by deadline: a binary heap. */
  readonly #heap: Uint32Array
  /** By member. */
  readonly #deadlines: Float64Array
  readonly #weightOf: (member: number) => number

  /** `weightOf`: above 0. `random` gives each a start of its own, so that many proxies do not begin alike. */
  constructor(count: number, weightOf: (member: number) => number, random: () => number) {
    this.#weightOf = weightOf
    this.#heap = Uint32Array.from({ length: count }, (_, member) => member)
    this.#deadlines = Float64Array.from({ length: count }, (_, member) => random() / weightOf(member))
    this.#heap.sort((a, b) => (this.#deadlines[a] as number) - (this.#deadlines[b] as number))
  }

  next(): number {
    const member = this.#heap[0] as number
    const deadline = this.#deadlines[member] as number
    this.#deadlines[member] = deadline + 1 / this.#weightOf(member)
    this.#sink(member)
    return member
  }

  /** Down from the top to where its deadline belongs; behind those that are due at the same time. */
  #sink(member: number): void {
    const heap = this.#heap
    const deadlines = this.#deadlines
    const deadline = deadlines[member] as number
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      const right = child + 1
      if (
        right < heap.length &&
        (deadlines[heap[right] as number] as number) < (deadlines[heap[child] as number] as number)
      )
        child = right
      if ((deadlines[heap[child] as number] as number) > deadline) break
      heap[at] = heap[child] as number
      at = child
    }
    heap[at] = member
  }
}
