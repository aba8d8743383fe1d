import { FairBudget, type Owner, type Shares } from './fair-budget.ts'
import type { HistogramPoint } from './histogram-point.ts'

/** What was counted since the report before. */
export interface Increase {
  readonly counts: readonly number[]
  readonly bounds: readonly number[]
  /** When counting began, by our clock. Milliseconds since the epoch. */
  readonly fromMs: number
}

interface Known {
  readonly owner: Owner
  startTime: bigint
  counts: readonly number[]
  seenAt: number
}

const MIB = 1024 * 1024
const MAX_BUCKETS = 128
/** A series that is new to us and older than this counted most of it before we listened. */
const NEW_MS = 10_000
const IDLE_MS = 15 * 60_000

/**
 * Series of a pod: a sidecar keeps 2,000 of each direction at most. Of all of a namespace and of all there are, what
 * they take in memory: some 65,000 in all, which are more than 500 sidecars have that call 20 Services each.
 */
export const SERIES_SHARES: Shares = { perPod: 4 * MIB, perNamespace: 16 * MIB, total: 32 * MIB }

/** Turns cumulative histograms into increases; holds the last report of each series, within SERIES_SHARES. */
export class CumulativeReader {
  /** Points that were not taken: malformed. */
  refused = 0
  /** Series that were forgotten because their reporter, or all together, had too many. */
  evicted = 0
  readonly #known = new Map<string, Known>()
  readonly #budget: FairBudget

  constructor(shares: Shares = SERIES_SHARES) {
    this.#budget = new FairBudget(shares, (_, key) => {
      this.#known.delete(key)
      this.evicted++
    })
  }

  /** Estimated. */
  get bytes(): number {
    return this.#budget.size
  }

  get size(): number {
    return this.#known.size
  }

  /** Undefined: nothing new, or nothing that can be told apart from what was before. */
  read(
    owner: Owner,
    key: string,
    point: Omit<HistogramPoint, 'attributes'>,
    now: number,
  ): Increase | undefined {
    const { bounds, counts, startTime } = point
    if (!wellFormed(counts, bounds)) {
      this.refused++
      return undefined
    }
    const known = this.#known.get(key)
    this.#known.set(key, { owner, startTime, counts, seenAt: now })
    this.#budget.hold(owner, key, sizeOf(key, counts))
    // OTLP: another start time, or counts that went back, say that the reporter began anew.
    const continues =
      known?.startTime === startTime &&
      known.counts.length === counts.length &&
      counts.every((count, i) => count >= (known.counts[i] as number))
    if (continues) {
      const increase = counts.map((count, i) => count - (known.counts[i] as number))
      return increase.some((count) => count > 0)
        ? { counts: increase, bounds, fromMs: known.seenAt }
        : undefined
    }
    // Both times are of the reporter's clock: only their distance means something here.
    const age = Number(point.time - startTime) / 1e6
    if (age < 0 || age > NEW_MS) return undefined
    return { counts, bounds, fromMs: now - age }
  }

  expire(now: number): void {
    for (const [key, { owner, seenAt }] of this.#known) {
      if (now - seenAt <= IDLE_MS) continue
      this.#known.delete(key)
      this.#budget.release(owner, key)
    }
  }
}

/** What a series takes in memory, estimated: its key (of one byte a character), its numbers, and its entries in two maps. */
function sizeOf(key: string, counts: readonly number[]): number {
  return 300 + key.length + 8 * counts.length
}

function wellFormed(counts: readonly number[], bounds: readonly number[]): boolean {
  if (counts.length === 0 || counts.length > MAX_BUCKETS || counts.length !== bounds.length + 1) return false
  if (!counts.every((count) => count < Number.MAX_SAFE_INTEGER)) return false
  return bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] as number))
}
