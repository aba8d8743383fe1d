import { monotonicClock, type Clock } from '../../core/clock.ts'

/**
 * Bounds retries to a share of the requests of the last ten seconds, with a floor, so that a failing
 * service is not buried by its callers (GEP-3388; Envoy's retry_budget).
 */
export class RetryBudget {
  #percent: number
  #minPerSecond: number
  readonly #clock: Clock
  readonly #requests = new Float64Array(WINDOW_SECONDS)
  readonly #retries = new Float64Array(WINDOW_SECONDS)
  #second = 0

  constructor(percent: number, minPerSecond: number, clock: Clock = monotonicClock) {
    this.#percent = percent
    this.#minPerSecond = minPerSecond
    this.#clock = clock
  }

  /** Another share or floor from now on; what was counted stays. */
  configure(percent: number, minPerSecond: number): void {
    this.#percent = percent
    this.#minPerSecond = minPerSecond
  }

  /** One more. `nowMs`: on the clock, of whoever has looked at it. */
  request(nowMs: number): void {
    const slot = this.#slot(nowMs)
    this.#requests[slot] = (this.#requests[slot] as number) + 1
  }

  /** Whole retries that the budget still has. */
  get left(): number {
    this.#slot()
    return Math.max(0, Math.floor(this.#remaining()))
  }

  /** Takes one retry out of the budget; false: there is none left. */
  tryRetry(): boolean {
    const slot = this.#slot()
    if (this.#remaining() < 1) return false
    this.#retries[slot] = (this.#retries[slot] as number) + 1
    return true
  }

  #remaining(): number {
    let requests = 0
    let retries = 0
    for (let i = 0; i < WINDOW_SECONDS; i++) {
      requests += this.#requests[i] as number
      retries += this.#retries[i] as number
    }
    return Math.max((requests * this.#percent) / 100, this.#minPerSecond * WINDOW_SECONDS) - retries
  }

  #slot(nowMs: number = this.#clock.now()): number {
    const second = Math.floor(nowMs / 1000)
    const passed = Math.min(second - this.#second, WINDOW_SECONDS)
    for (let i = 1; i <= passed; i++) {
      const slot = (this.#second + i) % WINDOW_SECONDS
      this.#requests[slot] = 0
      this.#retries[slot] = 0
    }
    if (passed > 0) this.#second = second
    return second % WINDOW_SECONDS
  }
}

const WINDOW_SECONDS = 10
