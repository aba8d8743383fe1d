import type { Cluster } from '../model/cluster.ts'
import type { EndpointState } from './endpoint-state.ts'

/** Immutable choice among the endpoints of a cluster; replaced when they or what is known of their health changes. */
export class Picker {
  readonly #endpoints: readonly EndpointState[]
  readonly #balancer: Cluster['balancer']
  readonly #random: () => number
  #next: number

  /** `random`: at least 0, less than 1. */
  constructor(
    endpoints: readonly EndpointState[],
    balancer: Cluster['balancer'],
    random: () => number = Math.random,
  ) {
    const weighted = endpoints.filter((state) => state.endpoint.weight > 0)
    const good = weighted.filter((state) => state.health.standing === 'use')
    this.#endpoints =
      good.length > 0 ? good : weighted.filter((state) => state.health.standing === 'last-resort')
    this.#balancer = balancer
    this.#random = random
    this.#next = Math.floor(random() * this.#endpoints.length)
  }

  get size(): number {
    return this.#endpoints.length
  }

  /** Prefers endpoints that `tried` does not hold; undefined: there is none at all. */
  pick(tried: readonly EndpointState[] | undefined): EndpointState | undefined {
    const endpoints = this.#endpoints
    if (endpoints.length === 0) return undefined
    if (tried && tried.length > 0 && tried.length < endpoints.length) {
      const fresh = endpoints.filter((state) => !tried.includes(state))
      if (fresh.length > 0) return fresh[Math.floor(this.#random() * fresh.length)]
    }
    return this.#balance(endpoints)
  }

  #balance(endpoints: readonly EndpointState[]): EndpointState | undefined {
    const count = endpoints.length
    if (count === 1) return endpoints[0]
    switch (this.#balancer) {
      case 'round-robin':
        this.#next = (this.#next + 1) % count
        return endpoints[this.#next]
      case 'random':
        return endpoints[Math.floor(this.#random() * count)]
      case 'least-request': {
        // The better of two random choices (power of two choices), active requests by weight.
        const first = Math.floor(this.#random() * count)
        const step = 1 + Math.floor(this.#random() * (count - 1))
        const a = endpoints[first] as EndpointState
        const b = endpoints[(first + step) % count] as EndpointState
        return (a.active + 1) / a.endpoint.weight <= (b.active + 1) / b.endpoint.weight ? a : b
      }
    }
  }
}
