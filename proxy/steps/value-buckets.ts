import { createHash } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { TokenBucket, type TokenBucketConfig } from './token-bucket.ts'

/** So many values have a bucket of their own at a time; those beyond them share one. */
export const MOST_VALUES = 4096
/** A longer value is known by its hash: callers choose how long it is. */
const LONGEST_KEY = 64
const SWEEP_MS = 1000

/**
 * A bucket for each value that callers send, in bounded memory: a bucket that has filled up again knows no more than a
 * new one, and goes; while all of them are in use, new values share one.
 */
export class ValueBuckets {
  readonly #config: TokenBucketConfig
  readonly #clock: Clock
  readonly #buckets = new Map<string, TokenBucket>()
  #overflow: TokenBucket | undefined
  #sweepAt: number

  constructor(config: TokenBucketConfig, clock: Clock) {
    this.#config = config
    this.#clock = clock
    this.#sweepAt = clock.now() + SWEEP_MS
  }

  /** Values that have one now. */
  get size(): number {
    return this.#buckets.size
  }

  of(value: string): TokenBucket {
    if (this.#clock.now() >= this.#sweepAt) this.#sweep()
    const key = value.length <= LONGEST_KEY ? value : createHash('sha256').update(value).digest('latin1')
    const known = this.#buckets.get(key)
    if (known) return known
    if (this.#buckets.size >= MOST_VALUES)
      return (this.#overflow ??= new TokenBucket(this.#config, this.#clock))
    const bucket = new TokenBucket(this.#config, this.#clock)
    // A copy: what was cut out of a longer text keeps all of that.
    this.#buckets.set(Buffer.from(key, 'latin1').toString('latin1'), bucket)
    return bucket
  }

  /** Nothing is known that new ones would not know. */
  get full(): boolean {
    this.#sweep()
    return this.#buckets.size === 0 && (this.#overflow?.full ?? true)
  }

  #sweep(): void {
    this.#sweepAt = this.#clock.now() + SWEEP_MS
    for (const [key, bucket] of this.#buckets) if (bucket.full) this.#buckets.delete(key)
  }
}
