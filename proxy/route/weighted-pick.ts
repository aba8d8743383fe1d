/**
 * Picks by weight with low discrepancy: after n picks each choice was taken within one of n * weight / total
 * (the smooth weighted round robin that nginx made known), so a canary of 1 % gets every hundredth request
 * and not a cluster of them. The start is random, so that many proxies do not send their first
 * request to the same place.
 */
export class WeightedPick {
  readonly #weights: readonly number[]
  readonly #total: number
  readonly #credit: Float64Array

  /** `weights`: not negative, at least one above 0. */
  constructor(weights: readonly number[], random: () => number = Math.random) {
    this.#weights = weights
    this.#total = weights.reduce((sum, weight) => sum + weight, 0)
    this.#credit = new Float64Array(weights.length)
    // Entering the cycle at a random place: run a random part of one period, bounded for large weights.
    const steps = Math.floor(random() * Math.min(this.#total, 1000))
    for (let i = 0; i < steps; i++) this.next()
  }

  /** Index of the choice; -1 if all weights are 0. */
  next(): number {
    let best = -1
    let bestCredit = -Infinity
    for (let i = 0; i < this.#weights.length; i++) {
      const weight = this.#weights[i] as number
      if (weight <= 0) continue
      const credit = (this.#credit[i] as number) + weight
      this.#credit[i] = credit
      if (credit > bestCredit) {
        bestCredit = credit
        best = i
      }
    }
    if (best >= 0) this.#credit[best] = (this.#credit[best] as number) - this.#total
    return best
  }
}
