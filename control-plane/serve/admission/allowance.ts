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

/** Streams that a caller opens over time, whatever comes of them: a sidecar opens one or two a second. */
const STREAMS_PER_SECOND = 64
const BURST_STREAMS = 256
/** Bytes of messages whose end has not come yet, of all streams of a caller. */
const MOST_PARTIAL = 6 * 1024 * 1024

interface Account {
  open: number
  partial: number
  readonly bytes: Bucket
  readonly streams: Bucket
}

/** What each caller may take of a server: open calls, unfinished messages; bytes and streams over time. */
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
    return this.#account(key).bytes.spend(bytes, this.#clock.now())
  }

  /** It opened a stream. False: too many of late. */
  opens(key: string): boolean {
    return this.#account(key).streams.spend(1, this.#clock.now()) === 0
  }

  /** Of its unfinished messages are there so many bytes more, or less. False: too many. */
  hold(key: string, bytes: number): boolean {
    const account = this.#account(key)
    account.partial += bytes
    return account.partial <= MOST_PARTIAL
  }

  #account(key: string): Account {
    const known = this.#accounts.get(key)
    if (known) return known
    const now = this.#clock.now()
    const account = {
      open: 0,
      partial: 0,
      bytes: new Bucket(this.#limits.bytesPerSecond, this.#limits.burstBytes, now),
      streams: new Bucket(STREAMS_PER_SECOND, BURST_STREAMS, now),
    }
    this.#accounts.set(key, account)
    return account
  }

  /** Who has nothing open and is owed everything again need not be remembered. A few each time. */
  #expire(): void {
    const now = this.#clock.now()
    let looked = 0
    for (const [key, account] of this.#accounts) {
      if (looked++ >= 8) return
      this.#accounts.delete(key)
      const { open, partial, bytes, streams } = account
      // Again at the end, so that the next look is at others.
      if (open > 0 || partial > 0 || !bytes.full(now) || !streams.full(now)) this.#accounts.set(key, account)
    }
  }
}

/** A token bucket, whose credit may become a debt. */
class Bucket {
  readonly #perSecond: number
  readonly #burst: number
  #credit: number
  /** When the credit was as it says. */
  #at: number

  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#credit = burst
    this.#at = now
  }

  /** Milliseconds until what was spent before is made up for. */
  spend(amount: number, now: number): number {
    this.#refill(now)
    const wait = this.#credit > 0 ? 0 : (-this.#credit / this.#perSecond) * 1000
    this.#credit -= amount
    return Math.ceil(wait)
  }

  full(now: number): boolean {
    this.#refill(now)
    return this.#credit >= this.#burst
  }

  #refill(now: number): void {
    this.#credit = Math.min(this.#burst, this.#credit + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
  }
}
