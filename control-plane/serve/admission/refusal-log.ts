import type { Clock } from '../../../core/clock.ts'
import type { Logger } from '../../../core/log.ts'

/** Lines of the log a second. */
const REFUSALS_TOLD = 20

/** Tells of refusals, of so many a second: who is refused without end fills no disk. */
export class RefusalLog {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #perSecond: number
  readonly #counted: (status: string) => void
  #second = 0
  #told = 0
  #untold = 0

  /** `counted`: told of each, with its gRPC status, `CONNECTION` where a whole connection was ended. */
  constructor(
    log: Logger,
    clock: Clock,
    perSecond = REFUSALS_TOLD,
    counted: (status: string) => void = () => {},
  ) {
    this.#log = log
    this.#clock = clock
    this.#perSecond = perSecond
    this.#counted = counted
  }

  tell(message: string, about: Readonly<Record<string, unknown>>): void {
    const { status } = about
    this.#counted(typeof status === 'string' ? status : 'CONNECTION')
    const second = Math.floor(this.#clock.now() / 1000)
    if (second !== this.#second) {
      if (this.#untold > 0) this.#log.warn('more was refused', { times: this.#untold })
      this.#second = second
      this.#told = 0
      this.#untold = 0
    }
    if (this.#told++ < this.#perSecond) this.#log.warn(message, about)
    else this.#untold++
  }
}
