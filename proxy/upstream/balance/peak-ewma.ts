import type { SlowStart } from '../../model/balancing.ts'
import { Draw, type Chance } from './draw.ts'
import { runningOn, type Purpose, type Target } from './target.ts'

const UNKNOWN_MS = 1

/** The better of two that were drawn by weight: the one where a request is likely to be answered first, and not to fail. */
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
    const first = this.#draw.any()
    const second = this.#draw.other(first)
    const a = this.#targets[first] as T
    const b = this.#targets[second] as T
    let latencyA = purpose === 'request' ? a.load.latency(now) : UNKNOWN_MS
    let latencyB = purpose === 'request' ? b.load.latency(now) : UNKNOWN_MS
    // Of whom nothing is known, as long as the other.
    if (Number.isNaN(latencyA)) latencyA = Number.isNaN(latencyB) ? UNKNOWN_MS : latencyB
    if (Number.isNaN(latencyB)) latencyB = latencyA
    const costA = Math.max(latencyA, a.load.penalty(now)) * this.#runningBy(a, purpose, now)
    const costB = Math.max(latencyB, b.load.penalty(now)) * this.#runningBy(b, purpose, now)
    // The first was drawn by weight: among equals each has its share.
    return costA <= costB ? a : b
  }

  /** Those that run on it by its weight, and one. */
  #runningBy(target: T, purpose: Purpose, now: number): number {
    return (runningOn(target, purpose, now) * this.#meanWeight) / target.endpoint.weight + 1
  }
}
