/** A block is one period of the weights, or so many picks where that is longer. */
const LONGEST_BLOCK = 100

/**
 * Picks by weight with low discrepancy and no rhythm. Picks are made in blocks, of which each holds what the smooth weighted
 * round robin (nginx made it known) gives it, so a canary of 1 % gets one of every hundred requests and not a cluster of
 * them; within a block the order is random, so that a caller who sends his requests by turns has the share of the weights
 * for each of them, and not for their sum alone.
 */
export class WeightedPick {
  readonly #weights: readonly number[]
  readonly #total: number
  readonly #credit: Float64Array
  readonly #random: () => number
  readonly #block: Int32Array
  /** Of the block, what was picked stands before it. */
  #at: number

  /** `weights`: whole and not negative. `random`: at least 0, less than 1. */
  constructor(weights: readonly number[], random: () => number = Math.random) {
    this.#weights = weights
    this.#total = weights.reduce((sum, weight) => sum + weight, 0)
    this.#credit = new Float64Array(weights.length)
    this.#random = random
    const period = this.#total > 0 ? this.#total / weights.reduce(greatestCommonDivisor) : 0
    this.#block = new Int32Array(Math.min(period, LONGEST_BLOCK))
    this.#at = this.#block.length
    // Weights whose period is longer than a block begin anywhere in it, so that many proxies do not begin alike.
    if (period <= LONGEST_BLOCK) return
    const steps = Math.floor(random() * Math.min(period, 1000))
    for (let i = 0; i < steps; i++) this.#smooth()
  }

  /** Index of the choice; -1 if all weights are 0. */
  next(): number {
    const block = this.#block
    if (this.#at === block.length) {
      if (block.length === 0) return -1
      for (let i = 0; i < block.length; i++) block[i] = this.#smooth()
      this.#at = 0
    }
    const at = this.#at++
    const drawn = at + Math.floor(this.#random() * (block.length - at))
    const choice = block[drawn] as number
    block[drawn] = block[at] as number
    return choice
  }

  #smooth(): number {
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
    this.#credit[best] = (this.#credit[best] as number) - this.#total
    return best
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
