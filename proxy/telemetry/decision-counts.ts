import type { AuthorizationRecord, DecisionName } from '../exchange/telemetry-sink.ts'

/** Names beyond these count together: a sidecar is told other policies as long as it runs. */
const MOST_POLICIES = 1000
const OTHER = '_OTHER'

export interface DecisionCount {
  readonly policy: string
  readonly decision: DecisionName
  readonly count: number
}

/** How often each rule decided, and what. */
export class DecisionCounts {
  readonly #byPolicy = new Map<string, Map<DecisionName, number>>()

  add({ policy, decision }: AuthorizationRecord): void {
    if (decision === '') return
    const counts = this.#countsOf(policy)
    counts.set(decision, (counts.get(decision) ?? 0) + 1)
  }

  all(): readonly DecisionCount[] {
    return [...this.#byPolicy].flatMap(([policy, counts]) =>
      [...counts].map(([decision, count]) => ({ policy, decision, count })),
    )
  }

  #countsOf(policy: string): Map<DecisionName, number> {
    let counts = this.#byPolicy.get(policy)
    if (!counts && this.#byPolicy.size >= MOST_POLICIES && policy !== OTHER) return this.#countsOf(OTHER)
    if (!counts) this.#byPolicy.set(policy, (counts = new Map()))
    return counts
  }
}
