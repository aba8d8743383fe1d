import { patternCost } from './pattern-cost.ts'

/**
 * What the patterns of one configuration of routes may cost together, as `patternCost` counts: a thousand of usual ones. A
 * sidecar compiles them in its only loop, and keeps them.
 */
export const MAX_PATTERNS_COST = 50_000

/** Adds up what patterns cost, each once: the same one is compiled once. */
export class PatternBudget {
  readonly #most: number
  readonly #counted = new Set<string>()
  #cost = 0

  constructor(most = MAX_PATTERNS_COST) {
    this.#most = most
  }

  /** Adds them all, or, where that is too much, none: then gives the reason. */
  add(sources: Iterable<string>): string | undefined {
    const more = new Set<string>()
    let cost = this.#cost
    for (const source of sources) {
      if (this.#counted.has(source) || more.has(source)) continue
      more.add(source)
      cost += patternCost(source)
      if (cost > this.#most)
        return `too many patterns, or too large ones: those of one configuration of routes may cost ${this.#most} to compile`
    }
    for (const source of more) this.#counted.add(source)
    this.#cost = cost
    return undefined
  }
}
