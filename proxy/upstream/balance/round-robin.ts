import type { SlowStart } from '../../model/balancing.ts'
import type { Chance } from './draw.ts'
import { Schedule } from './schedule.ts'
import { slowStartFactor } from './slow-start.ts'
import type { Target } from './target.ts'

/** Everyone in turn; by weight where weights differ, or change because of a slow start. */
export class RoundRobin<T extends Target> {
  readonly #targets: readonly T[]
  readonly #schedule: Schedule | undefined
  #next: number

  constructor(targets: readonly T[], slowStart: SlowStart | undefined, { random, clock }: Chance) {
    this.#targets = targets
    const first = targets[0]?.endpoint.weight
    const even = targets.every(({ endpoint }) => endpoint.weight === first)
    const weightOf = (index: number): number => {
      const { endpoint, inUseSince } = targets[index] as T
      return endpoint.weight * (slowStart ? slowStartFactor(slowStart, clock.now() - inUseSince) : 1)
    }
    this.#schedule = even && !slowStart ? undefined : new Schedule(targets.length, weightOf, random)
    this.#next = even ? Math.floor(random() * targets.length) : 0
  }

  pick(): T {
    const targets = this.#targets
    if (this.#schedule) return targets[this.#schedule.next()] as T
    this.#next = (this.#next + 1) % targets.length
    return targets[this.#next] as T
  }
}
