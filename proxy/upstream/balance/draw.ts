import type { Clock } from '../../../core/clock.ts'
import type { SlowStart } from '../../model/balancing.ts'
import { slowStartFactor } from './slow-start.ts'
import type { Target } from './target.ts'

/** How often one in slow start may be drawn in vain. */
const DRAWS = 8

/** What a policy stands on. */
export interface Chance {
  /** At least 0, less than 1. */
  readonly random: () => number
  readonly clock: Clock
}

/** Draws among targets by weight, in O(log n), or O(1) where all weigh the same. */
export class Draw<T extends Target> {
  readonly #targets: readonly T[]
  readonly #chance: Chance
  readonly #slowStart: SlowStart | undefined
  /** Sums of the weights up to each target; undefined: all weigh the same. */
  readonly #sums: Float64Array | undefined

  /** `targets`: at least one; each weighs more than 0. */
  constructor(targets: readonly T[], chance: Chance, slowStart?: SlowStart) {
    this.#targets = targets
    this.#chance = chance
    this.#slowStart = slowStart
    this.#sums = sumsOf(targets)
  }

  /** True where all weigh the same, slow start aside. */
  get even(): boolean {
    return this.#sums === undefined
  }

  /** An index. */
  any(): number {
    let index = this.#draw()
    if (this.#slowStart)
      for (let i = 1; i < DRAWS && this.#tooEarly(index, this.#slowStart); i++) index = this.#draw()
    return index
  }

  /** An index of another than `than`, of which there is one. */
  other(than: number): number {
    let index = this.#drawOther(than)
    if (this.#slowStart)
      for (let i = 1; i < DRAWS && this.#tooEarly(index, this.#slowStart); i++) index = this.#drawOther(than)
    return index
  }

  #tooEarly(index: number, slowStart: SlowStart): boolean {
    const age = this.#chance.clock.now() - (this.#targets[index] as T).inUseSince
    if (age >= slowStart.windowMs) return false
    return this.#chance.random() >= slowStartFactor(slowStart, age)
  }

  #draw(): number {
    const sums = this.#sums
    if (!sums) return Math.floor(this.#chance.random() * this.#targets.length)
    return find(sums, this.#chance.random() * (sums[sums.length - 1] as number))
  }

  #drawOther(than: number): number {
    const sums = this.#sums
    const count = this.#targets.length
    if (!sums) {
      const step = 1 + Math.floor(this.#chance.random() * (count - 1))
      return (than + step) % count
    }
    const before = than === 0 ? 0 : (sums[than - 1] as number)
    const own = (sums[than] as number) - before
    const drawn = this.#chance.random() * ((sums[count - 1] as number) - own)
    return find(sums, drawn < before ? drawn : drawn + own)
  }
}

/** Index of the first sum above `drawn`. */
function find(sums: Float64Array, drawn: number): number {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sums[middle] as number) > drawn) high = middle
    else low = middle + 1
  }
  return low
}

/** Undefined where all weigh the same. */
function sumsOf(targets: readonly Target[]): Float64Array | undefined {
  const first = targets[0]?.endpoint.weight
  if (targets.every(({ endpoint }) => endpoint.weight === first)) return undefined
  let sum = 0
  return Float64Array.from(targets, ({ endpoint }) => (sum += endpoint.weight))
}
