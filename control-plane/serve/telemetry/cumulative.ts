import type { HistogramDataPoint } from '../../../core/xds/generated/otlp.js'

/** What was counted since the report before. */
export interface Increase {
  readonly counts: readonly number[]
  readonly bounds: readonly number[]
  /** When counting began, by our clock. Milliseconds since the epoch. */
  readonly fromMs: number
}

interface Known {
  startTime: bigint
  counts: readonly number[]
  seenAt: number
}

const MAX_BUCKETS = 128
/** A series that is new to us and older than this counted most of it before we listened. */
const NEW_MS = 10_000
const IDLE_MS = 15 * 60_000

/** Turns cumulative histograms into increases; holds the last report of each series, a bounded number of them. */
export class CumulativeReader {
  /** Points that were not taken: malformed, or too many series. */
  refused = 0
  readonly #known = new Map<string, Known>()
  readonly #maxSeries: number

  constructor(maxSeries: number) {
    this.#maxSeries = maxSeries
  }

  get size(): number {
    return this.#known.size
  }

  /** Undefined: nothing new, or nothing that can be told apart from what was before. */
  read(key: string, point: HistogramDataPoint, now: number): Increase | undefined {
    const counts = (point.bucketCounts ?? []).map(Number)
    const bounds = point.explicitBounds ?? []
    if (!wellFormed(counts, bounds)) {
      this.refused++
      return undefined
    }
    const startTime = point.startTimeUnixNano ?? 0n
    const known = this.#known.get(key)
    if (!known && this.#known.size >= this.#maxSeries) {
      this.refused++
      return undefined
    }
    this.#known.set(key, { startTime, counts, seenAt: now })
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
    const age = Number((point.timeUnixNano ?? 0n) - startTime) / 1e6
    if (age < 0 || age > NEW_MS) return undefined
    return { counts, bounds, fromMs: now - age }
  }

  expire(now: number): void {
    for (const [key, { seenAt }] of this.#known) if (now - seenAt > IDLE_MS) this.#known.delete(key)
  }
}

function wellFormed(counts: readonly number[], bounds: readonly number[]): boolean {
  if (counts.length === 0 || counts.length > MAX_BUCKETS || counts.length !== bounds.length + 1) return false
  if (!counts.every((count) => count < Number.MAX_SAFE_INTEGER)) return false
  return bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] as number))
}
