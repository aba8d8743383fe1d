import type { BalancingPolicy } from '../../model/balancing.ts'
import { Draw, type Chance } from './draw.ts'
import { LeastRequest } from './least-request.ts'
import { PeakEwma } from './peak-ewma.ts'
import { RoundRobin } from './round-robin.ts'
import type { Purpose, Target } from './target.ts'

/** Picks among a fixed set of at least two targets, each of which weighs more than 0. Allocates nothing. */
export interface Policy<T extends Target> {
  pick(purpose: Purpose): T
}

/** Each by its weight, drawn. */
class AtRandom<T extends Target> implements Policy<T> {
  readonly #targets: readonly T[]
  readonly #draw: Draw<T>

  constructor(targets: readonly T[], chance: Chance) {
    this.#targets = targets
    this.#draw = new Draw(targets, chance)
  }

  pick(): T {
    return this.#targets[this.#draw.any()] as T
  }
}

/** Hashing, which has no use for it where there is a hash, is random. */
export function createPolicy<T extends Target>(
  policy: BalancingPolicy,
  targets: readonly T[],
  chance: Chance,
): Policy<T> {
  switch (policy.kind) {
    case 'peak-ewma':
      return new PeakEwma(targets, policy.slowStart, chance)
    case 'least-request':
      return new LeastRequest(targets, policy, chance)
    case 'round-robin':
      return new RoundRobin(targets, policy.slowStart, chance)
    case 'random':
    case 'ring-hash':
    case 'maglev':
      return new AtRandom(targets, chance)
  }
}
