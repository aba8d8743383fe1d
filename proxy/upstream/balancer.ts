import type { Cluster } from '../model/cluster.ts'
import type { EndpointState } from './endpoint-state.ts'

/** Immutable choice among the endpoints of a cluster; replaced when they or what is known of their health changes. */
export class Picker {
  readonly #endpoints: readonly EndpointState[]
  readonly #balancer: Cluster['balancer']
  readonly #random: () => number
  /** Sums of the weights up to each endpoint; undefined: all weigh the same. */
  readonly #sums: Float64Array | undefined
  /** What each endpoint has yet to get of its turns, in weight. */
  #credits: Float64Array | undefined
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
    this.#sums = sumsOf(this.#endpoints)
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
      if (fresh.length > 0) return this.#atRandom(fresh, sumsOf(fresh))
    }
    return this.#balance(endpoints)
  }

  #balance(endpoints: readonly EndpointState[]): EndpointState | undefined {
    const count = endpoints.length
    if (count === 1) return endpoints[0]
    switch (this.#balancer) {
      case 'round-robin':
        if (this.#sums) return this.#turnByWeight(endpoints)
        this.#next = (this.#next + 1) % count
        return endpoints[this.#next]
      case 'random':
        return this.#atRandom(endpoints, this.#sums)
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

  #atRandom(endpoints: readonly EndpointState[], sums: Float64Array | undefined): EndpointState | undefined {
    if (!sums) return endpoints[Math.floor(this.#random() * endpoints.length)]
    const drawn = this.#random() * (sums[sums.length - 1] as number)
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) > drawn) high = middle
      else low = middle + 1
    }
    return endpoints[low]
  }

  /** Smooth: a heavy endpoint gets its turns between those of the others and not one after the other. */
  #turnByWeight(endpoints: readonly EndpointState[]): EndpointState | undefined {
    // A random start for each, so that many proxies do not begin with the same endpoint.
    this.#credits ??= Float64Array.from(endpoints, ({ endpoint }) => this.#random() * endpoint.weight)
    const credits = this.#credits
    let best = 0
    let total = 0
    for (let i = 0; i < endpoints.length; i++) {
      const { weight } = (endpoints[i] as EndpointState).endpoint
      total += weight
      credits[i] = (credits[i] as number) + weight
      if ((credits[i] as number) > (credits[best] as number)) best = i
    }
    credits[best] = (credits[best] as number) - total
    return endpoints[best]
  }
}

/** Undefined where all weigh the same. */
function sumsOf(endpoints: readonly EndpointState[]): Float64Array | undefined {
  const first = endpoints[0]?.endpoint.weight
  if (endpoints.every(({ endpoint }) => endpoint.weight === first)) return undefined
  let sum = 0
  return Float64Array.from(endpoints, ({ endpoint }) => (sum += endpoint.weight))
}
