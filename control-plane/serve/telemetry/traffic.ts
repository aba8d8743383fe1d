import { BUCKETS, quantileMs } from './durations.ts'
import { SlidingWindow, SLOT_MS } from './sliding-window.ts'

/** What was seen in a window of time; rates are per second. Plain JSON. */
export interface TrafficView {
  readonly rate: number
  /** 0 to 1; null when there was no request. */
  readonly successRate: number | null
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
}

const FAILED = BUCKETS
const WIDTH = BUCKETS + 1

/** Requests of one kind (to a service, over a route): durations, and how many of them failed. */
export class Traffic {
  usedAt: number
  readonly #window = new SlidingWindow(WIDTH)

  constructor(now: number) {
    this.usedAt = now
  }

  /** `counts` by the store's own buckets. */
  add(counts: Float64Array, failed: boolean, fromMs: number, now: number): void {
    const row = new Float64Array(WIDTH)
    row.set(counts)
    if (failed) row[FAILED] = counts.reduce((sum, count) => sum + count, 0)
    this.#window.add(row, fromMs, now)
    this.usedAt = now
  }

  view(now: number, seconds: number): TrafficView {
    const totals = this.#window.totals(now, (seconds * 1000) / SLOT_MS)
    let count = 0
    for (let i = 0; i < BUCKETS; i++) count += totals[i] as number
    const quantile = (share: number): number | null => quantileMs(totals, share) ?? null
    return {
      rate: count / seconds,
      successRate: count < 1e-9 ? null : 1 - (totals[FAILED] as number) / count,
      p50Ms: quantile(0.5),
      p95Ms: quantile(0.95),
      p99Ms: quantile(0.99),
    }
  }

  /** Requests a second, one value each two seconds of the last two minutes. */
  history(now: number): number[] {
    return this.#window.history(now, BUCKETS).map((count) => count / (SLOT_MS / 1000))
  }
}

/** A bounded number of them, by key. */
export class TrafficTable {
  refused = 0
  readonly #entries = new Map<string, Traffic>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** Undefined: there are too many. */
  at(key: string, now: number): Traffic | undefined {
    let traffic = this.#entries.get(key)
    if (!traffic) {
      if (this.#entries.size >= this.#max) {
        this.refused++
        return undefined
      }
      traffic = new Traffic(now)
      this.#entries.set(key, traffic)
    }
    return traffic
  }

  get(key: string): Traffic | undefined {
    return this.#entries.get(key)
  }

  entries(): MapIterator<[string, Traffic]> {
    return this.#entries.entries()
  }

  expire(now: number, idleMs: number): void {
    for (const [key, { usedAt }] of this.#entries) if (now - usedAt > idleMs) this.#entries.delete(key)
  }
}
