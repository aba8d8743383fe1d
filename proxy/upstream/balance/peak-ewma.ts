import type { SlowStart } from '../../model/balancing.ts'
import { Draw, type Chance } from './draw.ts'
import { runningOn, type Purpose, type Target } from './target.ts'

const UNKNOWN_MS = 1
/** Of two bad ones drawn by chance one would win: in ten, a slow and a failing one make two requests of a hundred slow. */
const CHOICES = 4

/**
 * The better of two that were drawn by weight: the one where a request is likely to be answered first, and not to fail. Where
 * the worse one fails, another is drawn in its place.
 */
export class PeakEwma<T extends Target> {
  readonly #targets: readonly T[]
  readonly #chance: Chance
  readonly #draw: Draw<T>
  readonly #meanWeight: number

  constructor(targets: readonly T[], slowStart: SlowStart | undefined, chance: Chance) {
    this.#targets = targets
    this.#chance = chance
    this.#draw = new Draw(targets, chance, slowStart)
    this.#meanWeight = targets.reduce((sum, { endpoint }) => sum + endpoint.weight, 0) / targets.length
  }

  pick(purpose: Purpose): T {
    const now = this.#chance.clock.now()
    let best = this.#draw.any()
    for (let i = 1; i < CHOICES; i++) {
      const other = this.#draw.other(best)
      const a = this.#targets[best] as T
      const b = this.#targets[other] as T
      let latencyA = purpose === 'request' ? a.load.latency(now) : UNKNOWN_MS
      let latencyB = purpose === 'request' ? b.load.latency(now) : UNKNOWN_MS
      // Of whom nothing is known, as long as the other.
      if (Number.isNaN(latencyA)) latencyA = Number.isNaN(latencyB) ? UNKNOWN_MS : latencyB
      if (Number.isNaN(latencyB)) latencyB = latencyA
      const penaltyA = a.load.penalty(now)
      const penaltyB = b.load.penalty(now)
      const costA = Math.max(latencyA, penaltyA) * this.#runningBy(a, purpose, now)
      const costB = Math.max(latencyB, penaltyB) * this.#runningBy(b, purpose, now)
      // The first was drawn by weight: among equals each has its share.
      const keeps = costA <= costB
      if (!keeps) best = other
      // To be better than one that fails says little.
      if (keeps ? penaltyB <= latencyB : penaltyA <= latencyA) break
    }
    return this.#targets[best] as T
  }

  /** Those that run on it by its weight, and one. */
  #runningBy(target: T, purpose: Purpose, now: number): number {
    return (runningOn(target, purpose, now) * this.#meanWeight) / target.endpoint.weight + 1
  }
}
