import type { Clock } from '../../core/clock.ts'

// What a timer takes; more would fire at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** When a request must be over. The nearest that somebody sets holds. */
export class Deadline {
  /** On the clock; Infinity: never. */
  at = Infinity
  readonly #clock: Clock
  readonly #passed: () => void
  #cancel: (() => void) | undefined

  /** `passed` is called once it has come, unless it was stopped before. */
  constructor(clock: Clock, passed: () => void) {
    this.#clock = clock
    this.#passed = passed
  }

  limit(at: number): void {
    if (at >= this.at) return
    this.at = at
    this.#cancel?.()
    const left = at - this.#clock.now()
    this.#cancel = left <= LONGEST_TIMER_MS ? this.#clock.after(left, this.#passed) : undefined
  }

  stop(): void {
    this.#cancel?.()
  }
}
