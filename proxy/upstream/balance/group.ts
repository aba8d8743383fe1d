import type { BalancingPolicy } from '../../model/balancing.ts'
import type { Chance } from './draw.ts'
import { createPolicy, type Policy } from './policy.ts'
import type { Purpose, Target } from './target.ts'

/** Targets among which the policy alone decides. */
export class Group<T extends Target> {
  readonly #only: T
  readonly #policy: Policy<T> | undefined

  /** `targets`: at least one. */
  constructor(policy: BalancingPolicy, targets: readonly T[], chance: Chance) {
    this.#only = targets[0] as T
    this.#policy = targets.length > 1 ? createPolicy(policy, targets, chance) : undefined
  }

  pick(purpose: Purpose): T {
    return this.#policy ? this.#policy.pick(purpose) : this.#only
  }
}
