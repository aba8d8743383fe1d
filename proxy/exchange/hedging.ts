import type { Clock } from '../../core/clock.ts'
import type { ResetReason } from '../http/stream.ts'
import type { HedgePolicy } from '../model/route.ts'
import type { Attempt } from './attempt.ts'

/**
 * Tries beside the first one of a request that takes long: the first answer is the request's, the others are given up,
 * which says nothing of their endpoints.
 */
export class Hedges {
  readonly #policy: HedgePolicy
  readonly #clock: Clock
  /** Starts one more and hands it to `add`, where that may be. */
  readonly #send: () => void
  readonly #running: Attempt[] = []
  #sent = 0
  #cancelTimer: (() => void) | undefined

  constructor(policy: HedgePolicy, clock: Clock, send: () => void) {
    this.#policy = policy
    this.#clock = clock
    this.#send = send
  }

  /** Those that run beside the first. */
  get running(): readonly Attempt[] {
    return this.#running
  }

  /** A try is on its way: one more follows if there is no answer after a while. */
  arm(): void {
    if (this.#cancelTimer || this.#sent >= this.#policy.max) return
    this.#cancelTimer = this.#clock.after(this.#policy.afterMs, () => {
      this.#cancelTimer = undefined
      this.#send()
    })
  }

  add(attempt: Attempt): void {
    this.#sent++
    this.#running.push(attempt)
    this.arm()
  }

  /** `gone` has brought no answer. Undefined: neither does another; else the one that the request goes on with. */
  without(first: Attempt | undefined, gone: Attempt): Attempt | undefined {
    if (gone === first) return this.#running.shift()
    const at = this.#running.indexOf(gone)
    if (at >= 0) this.#running.splice(at, 1)
    return first
  }

  /** `winner` is answered. True: it was not the first. */
  settle(first: Attempt | undefined, winner: Attempt): boolean {
    this.stop()
    if (this.#running.length === 0) return false
    for (const attempt of this.#running) if (attempt !== winner) attempt.abandon('cancel')
    this.#running.length = 0
    if (first === winner) return false
    first?.abandon('cancel')
    return true
  }

  abandon(reason: ResetReason): void {
    this.stop()
    for (const attempt of this.#running) attempt.abandon(reason)
    this.#running.length = 0
  }

  /** None follows any more. */
  stop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }
}
