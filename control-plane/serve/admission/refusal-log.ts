import type { Clock } from '../../../core/clock.ts'
import type { Logger } from '../../../core/log.ts'

/** Lines of the log a second. */
const REFUSALS_TOLD = 20

/** Tells of refusals, of so many a second: who is refused without end fills no disk. */
export class RefusalLog {
  readonly #log: Logger
  readonly #clock: Clock
  #second = 0
  #told = 0
  #untold = 0

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  tell(message: string, about: Readonly<Record<string, unknown>>): void {
    const second = Math.floor(this.#clock.now() / 1000)
    if (second !== this.#second) {
      if (this.#untold > 0) this.#log.warn('more calls refused', { calls: this.#untold })
      this.#second = second
      this.#told = 0
      this.#untold = 0
    }
    if (this.#told++ < REFUSALS_TOLD) this.#log.warn(message, about)
    else this.#untold++
  }
}
