import { pairOf, type MetricStore } from '../telemetry/metric-store.ts'

interface Use {
  /** How many requests there were when it was looked last. */
  readonly counted: number
  readonly lastMs: number
}

/** Beyond that many rules the longest unused are forgotten: of those nothing is said. */
const MOST_RULES = 20_000

/**
 * When requests followed each rule of a route. It looks at the counters every so often, as those that are idle go; a control plane
 * that begins anew knows nothing of before.
 */
export class RuleUse {
  /** Since when it looks. Milliseconds since the epoch. */
  readonly sinceMs: number
  readonly #metrics: Pick<MetricStore, 'backends'>
  readonly #uses = new Map<string, Use>()

  constructor(metrics: Pick<MetricStore, 'backends'>, now: number) {
    this.#metrics = metrics
    this.sinceMs = now
  }

  /** To be called more often than counters go (15 minutes). */
  look(now: number): void {
    const counted = new Map<string, number>()
    for (const [key, traffic] of this.#metrics.backends.entries()) {
      const [rule] = pairOf(key)
      const requests = traffic.totals.durations.reduce((sum, one) => sum + one, 0)
      counted.set(rule, (counted.get(rule) ?? 0) + requests)
    }
    for (const [rule, requests] of counted) {
      const known = this.#uses.get(rule)
      // A backend that went takes its count along: fewer than before is no use.
      const used = requests > (known?.counted ?? 0)
      this.#uses.delete(rule)
      this.#uses.set(rule, { counted: requests, lastMs: used ? now : (known?.lastMs ?? now) })
    }
    for (const [rule, { lastMs }] of this.#uses)
      if (!counted.has(rule)) this.#uses.set(rule, { counted: 0, lastMs })
    for (const rule of this.#uses.keys()) {
      if (this.#uses.size <= MOST_RULES) break
      this.#uses.delete(rule)
    }
  }

  /** Undefined: never since it looks. */
  lastUse(rule: string): number | undefined {
    return this.#uses.get(rule)?.lastMs
  }
}
