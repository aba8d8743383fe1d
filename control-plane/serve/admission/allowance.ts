import { monotonicClock, type Clock } from '../../../core/clock.ts'
import type { Caller } from '../tokens/claims.ts'

export interface CallerLimits {
  /** Calls of one caller that are open at once. */
  readonly calls: number
  /** What it may send over time: so many bytes a second, and so many at once. */
  readonly bytesPerSecond: number
  readonly burstBytes: number
}

export const CALLER_LIMITS: CallerLimits = {
  calls: 32,
  bytesPerSecond: 1024 * 1024,
  burstBytes: 4 * 1024 * 1024,
}

/** Who a caller is for what it may take: its pod, so that two pods of one account do not share an allowance. */
export function callerKey({ namespace, serviceAccount, pod }: Caller): string {
  return pod ? `${namespace}/${pod.name}/${pod.uid}` : `${namespace}//${serviceAccount}`
}

interface Account {
  open: number
  credit: number
  /** When the credit was as it says. */
  at: number
}

/** What each caller may take of a server: open calls, and bytes over time (a token bucket each). */
export class Allowances {
  readonly #limits: CallerLimits
  readonly #clock: Clock
  readonly #accounts = new Map<string, Account>()

  constructor(limits: CallerLimits = CALLER_LIMITS, clock: Clock = monotonicClock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** Callers that are remembered. */
  get size(): number {
    return this.#accounts.size
  }

  /** False: it has too many calls open. After true comes `leave`. */
  enter(key: string): boolean {
    const account = this.#account(key)
    if (account.open >= this.#limits.calls) return false
    account.open++
    return true
  }

  leave(key: string): void {
    const account = this.#accounts.get(key)
    if (account && account.open > 0) account.open--
    this.#expire()
  }

  /** Takes a message of so many bytes into account. Milliseconds that its caller has to wait for it. */
  spend(key: string, bytes: number): number {
    const account = this.#account(key)
    const wait = account.credit > 0 ? 0 : (-account.credit / this.#limits.bytesPerSecond) * 1000
    account.credit -= bytes
    return Math.ceil(wait)
  }

  #account(key: string): Account {
    const now = this.#clock.now()
    const account = this.#accounts.get(key) ?? { open: 0, credit: this.#limits.burstBytes, at: now }
    this.#refill(account, now)
    this.#accounts.set(key, account)
    return account
  }

  #refill(account: Account, now: number): void {
    const more = ((now - account.at) / 1000) * this.#limits.bytesPerSecond
    account.credit = Math.min(this.#limits.burstBytes, account.credit + more)
    account.at = now
  }

  /** Who has nothing open and is owed everything again need not be remembered. A few each time. */
  #expire(): void {
    const now = this.#clock.now()
    let looked = 0
    for (const [key, account] of this.#accounts) {
      if (looked++ >= 8) return
      this.#accounts.delete(key)
      this.#refill(account, now)
      // Again at the end, so that the next look is at others.
      if (account.open > 0 || account.credit < this.#limits.burstBytes) this.#accounts.set(key, account)
    }
  }
}
