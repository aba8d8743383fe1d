import {
  addCounts,
  countOf,
  DENIED,
  FAILED,
  LEFT,
  MUTUAL_TLS,
  noCounts,
  PLAINTEXT,
  quantileOf,
  requestsOf,
  successRate,
  WIDTH,
  type Counts,
} from './counts.ts'
import { BUCKETS } from './durations.ts'
import { FairBudget, type Owner, type Shares } from './fair-budget.ts'
import type { RequestOutcome } from './request-outcome.ts'
import { SlidingWindow, SLOT_MS, WINDOW_SLOTS } from './sliding-window.ts'

/** What was seen in a window of time; rates are per second. Plain JSON. */
export interface TrafficView {
  readonly rate: number
  /** 0 to 1, of the requests that their callers did not leave; null when there was none. */
  readonly successRate: number | null
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
  readonly transport: TransportView
}

/** How many requests came, or went, how. Of numbers spread over time: with fractions. */
export interface TransportView {
  readonly mutualTls: number
  readonly plaintext: number
  /** Nobody told, or nothing was sent. */
  readonly unknown: number
}

export type Transport = keyof TransportView

/** Requests that were counted, whole ones. */
export interface TrafficTotals {
  /** Without those that their callers left. */
  readonly judged: number
  /** Of those. */
  readonly failed: number
  /** By the store's own buckets, of all. */
  readonly durations: readonly number[]
}

/** What all requests that are added at once have in common. */
export interface TrafficKind {
  readonly outcome: RequestOutcome
  readonly transport: Transport
  /** A policy refused them; left out: none did. */
  readonly denied?: boolean
}

/** Requests of one kind (to a service, over a route): durations, how many of them failed, and how many were left. */
export class Traffic {
  usedAt: number
  readonly #window = new SlidingWindow(WIDTH)
  readonly #totals = new Float64Array(WIDTH)

  constructor(now: number) {
    this.usedAt = now
  }

  /** Since this was made: it only grows. */
  get totals(): TrafficTotals {
    const durations = Array.from(this.#totals.subarray(0, BUCKETS))
    const count = durations.reduce((sum, one) => sum + one, 0)
    return {
      judged: count - (this.#totals[LEFT] as number),
      failed: this.#totals[FAILED] as number,
      durations,
    }
  }

  /** `counts` by the store's own buckets; all of them ended alike, and went the same way. */
  add(counts: Float64Array, kind: TrafficKind, fromMs: number, now: number): void {
    const row = noCounts()
    row.set(counts)
    const count = counts.reduce((sum, one) => sum + one, 0)
    if (kind.outcome !== 'answered') row[kind.outcome === 'failed' ? FAILED : LEFT] = count
    if (kind.transport === 'mutualTls') row[MUTUAL_TLS] = count
    if (kind.transport === 'plaintext') row[PLAINTEXT] = count
    if (kind.denied === true) row[DENIED] = count
    this.#window.add(row, fromMs, now)
    addCounts(this.#totals, row)
    this.usedAt = now
  }

  /** What is remembered of slots of SLOT_MS since the epoch, from `first` up to, and without, `end`. */
  sum(first: number, end: number): Counts {
    return this.#window.sum(first, end)
  }

  view(now: number, seconds: number): TrafficView {
    return trafficView(this.#window.totals(now, (seconds * 1000) / SLOT_MS), seconds)
  }

  /** Requests a second, one value each two seconds of the last two minutes. */
  history(now: number): number[] {
    return this.#window.history(now, BUCKETS).map((count) => count / (SLOT_MS / 1000))
  }
}

/** Of what was counted in so many seconds. */
export function trafficView(counts: ArrayLike<number>, seconds: number): TrafficView {
  return {
    rate: requestsOf(counts) / seconds,
    successRate: successRate(counts),
    p50Ms: quantileOf(counts, 0.5),
    p95Ms: quantileOf(counts, 0.95),
    p99Ms: quantileOf(counts, 0.99),
    transport: transportOf(counts),
  }
}

/** Of requests: with fractions. */
function transportOf(counts: ArrayLike<number>): TransportView {
  const mutualTls = countOf(counts, MUTUAL_TLS)
  const plaintext = countOf(counts, PLAINTEXT)
  const unknown = requestsOf(counts) - mutualTls - plaintext
  return { mutualTls, plaintext, unknown: unknown < 1e-6 ? 0 : unknown }
}

/** What one takes in memory. */
const TRAFFIC_BYTES = 512 + 8 * (WINDOW_SLOTS * (WIDTH + 1) + WIDTH)

/**
 * So much of one namespace, and of all, in each table: 5,800 of them. Not by pod: those of one service report to the
 * same ones.
 */
const SHARES: Shares = {
  perPod: 32 * 1024 * 1024,
  perNamespace: 32 * 1024 * 1024,
  total: 64 * 1024 * 1024,
}

interface Entry {
  readonly traffic: Traffic
  readonly owner: Owner
}

/** Many of them, by key, within a budget of bytes; the oldest of the namespace with most goes first. */
export class TrafficTable {
  /** Those that were forgotten because there was no room. */
  evicted = 0
  readonly #entries = new Map<string, Entry>()
  readonly #budget: FairBudget

  constructor(shares: Shares = SHARES) {
    this.#budget = new FairBudget(shares, (_, key) => {
      this.#entries.delete(key)
      this.evicted++
    })
  }

  /** Estimated. */
  get bytes(): number {
    return this.#budget.size
  }

  /** `namespace` is the reporter's. */
  at(key: string, namespace: string, now: number): Traffic {
    const entry = this.#entries.get(key) ?? { traffic: new Traffic(now), owner: { namespace, pod: '' } }
    this.#entries.set(key, entry)
    this.#budget.hold(entry.owner, key, TRAFFIC_BYTES + 2 * key.length)
    return entry.traffic
  }

  get(key: string): Traffic | undefined {
    return this.#entries.get(key)?.traffic
  }

  *entries(): Generator<[string, Traffic]> {
    for (const [key, { traffic }] of this.#entries) yield [key, traffic]
  }

  expire(now: number, idleMs: number): void {
    for (const [key, { traffic, owner }] of this.#entries) {
      if (now - traffic.usedAt <= idleMs) continue
      this.#entries.delete(key)
      this.#budget.release(owner, key)
    }
  }
}
