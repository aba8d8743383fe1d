import type { Clock } from '../../core/clock.ts'

/** envoy.type.v3.TokenBucket */
export interface TokenBucketConfig {
  /** What it holds at the most, and in the beginning. */
  readonly maxTokens: number
  readonly tokensPerFill: number
  /** Milliseconds. */
  readonly fillIntervalMs: number
}

/** Tokens that are taken one by one and put back in portions. Whole intervals count, from the first use on. */
export class TokenBucket {
  readonly config: TokenBucketConfig
  readonly #clock: Clock
  #tokens: number
  #filledAt: number

  constructor(config: TokenBucketConfig, clock: Clock) {
    this.config = config
    this.#clock = clock
    this.#tokens = config.maxTokens
    this.#filledAt = clock.now()
  }

  /** False: there is none. */
  take(): boolean {
    this.#fill()
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  get remaining(): number {
    this.#fill()
    return this.#tokens
  }

  /** As in the beginning. */
  get full(): boolean {
    return this.remaining >= this.config.maxTokens
  }

  /** Milliseconds to the next portion. */
  get nextFillMs(): number {
    return this.#filledAt + this.config.fillIntervalMs - this.#clock.now()
  }

  #fill(): void {
    const { maxTokens, tokensPerFill, fillIntervalMs } = this.config
    const fills = Math.floor((this.#clock.now() - this.#filledAt) / fillIntervalMs)
    if (fills <= 0) return
    this.#filledAt += fills * fillIntervalMs
    this.#tokens = Math.min(maxTokens, this.#tokens + fills * tokensPerFill)
  }
}
