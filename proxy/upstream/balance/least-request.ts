import type { BalancingPolicy } from '../../model/balancing.ts'
import { Draw, type Chance } from './draw.ts'
import { Schedule } from './schedule.ts'
import { slowStartFactor } from './slow-start.ts'
import { runningOn, type Purpose, type Target } from './target.ts'

/**
 * Envoy's: where all weigh the same, that of some drawn ones on which the fewest requests run; where weights differ, turns
 * by weight / (requests + 1) ^ bias.
 */
export class LeastRequest<T extends Target> {
  readonly #targets: readonly T[]
  readonly #choices: number
  readonly #chance: Chance
  readonly #draw: Draw<T>
  readonly #schedule: Schedule | undefined
  /** Of the pick under way. */
  #purpose: Purpose = 'request'

  constructor(
    targets: readonly T[],
    {
      choices,
      activeRequestBias: bias,
      slowStart,
    }: Omit<Extract<BalancingPolicy, { kind: 'least-request' }>, 'kind'>,
    chance: Chance,
  ) {
    this.#targets = targets
    this.#choices = choices
    this.#chance = chance
    this.#draw = new Draw(targets, chance, slowStart)
    if (this.#draw.even) return
    const weightOf = (index: number): number => {
      const target = targets[index] as T
      const now = chance.clock.now()
      const { weight } = target.endpoint
      const started = slowStart ? slowStartFactor(slowStart, now - target.inUseSince) : 1
      const running = runningOn(target, this.#purpose, now) + 1
      return (weight * started) / (bias === 1 ? running : running ** bias)
    }
    this.#schedule = new Schedule(targets.length, weightOf, chance.random)
  }

  pick(purpose: Purpose): T {
    const targets = this.#targets
    if (this.#schedule) {
      this.#purpose = purpose
      return targets[this.#schedule.next()] as T
    }
    const now = this.#chance.clock.now()
    let best = this.#draw.any()
    let fewest = runningOn(targets[best] as T, purpose, now)
    for (let i = 1; i < this.#choices && fewest > 0; i++) {
      const other = this.#draw.other(best)
      const running = runningOn(targets[other] as T, purpose, now)
      if (running >= fewest) continue
      best = other
      fewest = running
    }
    return targets[best] as T
  }
}
