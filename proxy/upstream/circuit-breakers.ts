import type { Cluster } from '../model/cluster.ts'

/** A limit of a cluster that turned something away. */
export type Breaker = 'connections' | 'pending_requests' | 'requests' | 'retries'

/**
 * What may wait and be repeated at once towards a cluster, at all its endpoints together, and what its limits turned away
 * (Envoy's circuit breakers). What runs already is not touched by lower limits.
 */
export class CircuitBreakers {
  /** Requests that wait for a connection. */
  pending = 0
  /** Requests that are tried again, until they are over. */
  retries = 0
  /** By limit, since the cluster is in use. */
  readonly overflows = new Map<Breaker, number>()
  #limits: Cluster['limits'] = { maxConnections: 0, maxPendingRequests: 0, maxRequests: 0 }

  configure(limits: Cluster['limits']): void {
    this.#limits = limits
  }

  /** One more waits, until `pending` is counted down. False: too many do. */
  tryPending(): boolean {
    if (this.pending >= this.#limits.maxPendingRequests) return this.#overflow('pending_requests')
    this.pending++
    return true
  }

  /** One more is tried again, until `retries` is counted down. False: too many are. */
  tryRetry(): boolean {
    if (this.retries >= (this.#limits.maxRetries ?? Infinity)) return this.#overflow('retries')
    this.retries++
    return true
  }

  /** `running`: requests to the cluster, this one among them. */
  tryRequest(running: number): boolean {
    return running <= this.#limits.maxRequests || this.#overflow('requests')
  }

  /** `open`: opaque connections to the cluster, without this one. */
  tryConnection(open: number): boolean {
    return open < (this.#limits.maxOpaqueConnections ?? Infinity) || this.#overflow('connections')
  }

  /** The limits that would turn away what comes next. `running`, `open`: as above, now. */
  reached(running: number, open: number): ReadonlyMap<Breaker, boolean> {
    const {
      maxOpaqueConnections = Infinity,
      maxPendingRequests,
      maxRequests,
      maxRetries = Infinity,
    } = this.#limits
    return new Map([
      ['connections', open >= maxOpaqueConnections],
      ['pending_requests', this.pending >= maxPendingRequests],
      ['requests', running >= maxRequests],
      ['retries', this.retries >= maxRetries],
    ])
  }

  #overflow(breaker: Breaker): false {
    this.overflows.set(breaker, (this.overflows.get(breaker) ?? 0) + 1)
    return false
  }
}
