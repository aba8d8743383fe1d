import type { Clock } from '../../../core/clock.ts'

/** So many in each second; whatever is beyond is counted. */
export class TapRate {
  readonly #clock: Clock
  readonly #most: number
  #second = -Infinity
  #taken = 0
  #skipped = 0

  constructor(clock: Clock, most: number) {
    this.#clock = clock
    this.#most = most
  }

  take(): boolean {
    const second = Math.floor(this.#clock.now() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#taken = 0
    }
    if (++this.#taken <= this.#most) return true
    this.#skipped++
    return false
  }

  /** Those that somebody else has left out. */
  alsoSkipped(requests: number): void {
    this.#skipped += requests
  }

  /** Since it was asked last. */
  takeSkipped(): number {
    const skipped = this.#skipped
    this.#skipped = 0
    return skipped
  }
}
