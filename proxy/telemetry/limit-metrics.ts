import type { LimitMetric } from '../exchange/telemetry-sink.ts'
import { LIMIT_METRICS, type LimitMetricName } from '../model/counters.ts'

/** Limits that are told by name; those beyond them count together. */
const MOST_LIMITS = 500
const OTHER = '_OTHER'

interface Held {
  readonly name: LimitMetricName
  readonly limit: string
  readonly metric: WeakRef<LimitMetric>
}

/** One line of Prometheus text. */
export interface LimitSample {
  readonly limit: string
  readonly value: number
}

/** The numbers of limits by their names, each for as long as a limit holds it. */
export class LimitMetrics {
  readonly #held = new Map<string, Held>()

  get(name: LimitMetricName, limit: string): LimitMetric {
    const known = this.#held.get(`${name} ${limit}`)?.metric.deref()
    if (known) return known
    if (this.#held.size >= MOST_LIMITS * Object.keys(LIMIT_METRICS).length && limit !== OTHER) {
      this.#forget()
      if (this.#held.size >= MOST_LIMITS * Object.keys(LIMIT_METRICS).length) return this.get(name, OTHER)
    }
    const metric: LimitMetric = { value: 0 }
    this.#held.set(`${name} ${limit}`, { name, limit, metric: new WeakRef(metric) })
    return metric
  }

  /** By the names of the metrics, those that somebody holds. */
  samples(): ReadonlyMap<LimitMetricName, readonly LimitSample[]> {
    this.#forget()
    const found = new Map<LimitMetricName, LimitSample[]>()
    for (const { name, limit, metric } of this.#held.values()) {
      const sample = { limit, value: metric.deref()?.value ?? 0 }
      const others = found.get(name)
      if (others) others.push(sample)
      else found.set(name, [sample])
    }
    return found
  }

  #forget(): void {
    for (const [key, { metric }] of this.#held) if (!metric.deref()) this.#held.delete(key)
  }
}
