import type { Locality } from '../../model/balancing.ts'
import type { Chance } from './draw.ts'
import type { Group } from './group.ts'
import { runningOn, type Purpose, type Target } from './target.ts'

/** How near endpoints are: 0 on our node (of our sub-zone), 1 in our zone, 2 elsewhere. */
export function distanceOf(target: Target, own: Locality): 0 | 1 | 2 {
  const { locality } = target.endpoint
  if (!locality) return 2
  const sameZone = locality.zone === own.zone && locality.region === own.region
  // Whose zone is not known may still be known to be on our node.
  const sameNode = own.subZone !== '' && locality.subZone === own.subZone
  return sameNode && (sameZone || own.zone === '') ? 0 : sameZone ? 1 : 2
}

// With fewer in flight an endpoint is not busy; nor with less than twice as many as another.
const BUSY = 2
const FACTOR = 2
/** A penalty of which more than so much is left speaks of failures of the last seconds, milliseconds. */
const FAILS_MS = 500

/**
 * The nearest endpoints first, farther ones before those are overloaded: where the policy's choice among the near ones has
 * requests in flight, twice as many as the choice among the farther ones, or fails where that does not. What a caller has in
 * flight grows with what it sends and with how long that takes, before an overload and by each caller for itself; Envoy's
 * proportions of zones want the callers of all zones counted, which a sidecar can't.
 */
export class NearestFirst<T extends Target> {
  readonly #groups: readonly Group<T>[]
  readonly #chance: Chance

  /** `groups`: nearest first, at least one. */
  constructor(groups: readonly Group<T>[], chance: Chance) {
    this.#groups = groups
    this.#chance = chance
  }

  pick(purpose: Purpose): T {
    const groups = this.#groups
    const now = this.#chance.clock.now()
    let choice = (groups[0] as Group<T>).pick(purpose)
    for (let i = 1; i < groups.length; i++) {
      const running = purpose === 'request' ? runningOn(choice, purpose, now) : 0
      const penalty = choice.load.penalty(now)
      // How many opaque connections there are says little of how busy they are.
      if (running < BUSY && penalty < FAILS_MS) return choice
      const farther = (groups[i] as Group<T>).pick(purpose)
      const less = running >= BUSY && FACTOR * runningOn(farther, purpose, now) <= running
      const fails = penalty >= FAILS_MS && FACTOR * farther.load.penalty(now) <= penalty
      if (fails || (less && farther.load.penalty(now) <= penalty)) choice = farther
    }
    return choice
  }
}
