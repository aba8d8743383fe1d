import type { ConnectionAddresses } from '../transport/proxy-protocol.ts'
import type { EndpointState } from './endpoint-state.ts'
import type { HttpPool } from './http-pool.ts'
import type { UpstreamCluster } from './upstream-cluster.ts'

/** Pools of one endpoint for what came as HTTP/2, and as HTTP/1.1. */
interface Pools {
  http1?: HttpPool
  http2?: HttpPool
}

/**
 * The connections of one caller's connection, shared with nobody. What logs in the connection (NTLM, RFC 4559) makes every
 * later request on it that user's; over a link they are a link of its own, which the next sidecar takes for one caller's
 * connection in turn. And what says by the PROXY protocol who calls says it of all that follows.
 */
export class OwnConnections {
  readonly #pools = new Map<EndpointState, Pools>()
  readonly #addresses: ConnectionAddresses
  readonly #loggedIn: boolean

  /** `addresses`: of the caller's connection. `loggedIn`: they wait as long as that one does, since another would not be. */
  constructor(addresses: ConnectionAddresses, loggedIn: boolean) {
    this.#addresses = addresses
    this.#loggedIn = loggedIn
  }

  /** How many it knows, gone ones among them until the next one is added. */
  get endpoints(): number {
    return this.#pools.size
  }

  /** The endpoint of `cluster` that it is connected to, where the login is. */
  endpointIn(cluster: UpstreamCluster): EndpointState | undefined {
    for (const endpoint of this.#pools.keys())
      for (const state of cluster.states.values()) if (state === endpoint) return endpoint
    return undefined
  }

  pool(endpoint: EndpointState, http2: boolean): HttpPool {
    let pools = this.#pools.get(endpoint)
    if (!pools) {
      this.#forgetClosed()
      this.#pools.set(endpoint, (pools = {}))
    }
    return (pools[http2 ? 'http2' : 'http1'] ??= endpoint.ownPool(http2, this.#addresses, this.#loggedIn))
  }

  /** The caller has gone. */
  destroy(): void {
    for (const [endpoint, { http1, http2 }] of this.#pools)
      for (const pool of [http1, http2]) if (pool) endpoint.dropOwn(pool)
    this.#pools.clear()
  }

  /** A link outlives many of the endpoints behind it; what runs on them finishes. */
  #forgetClosed(): void {
    for (const endpoint of this.#pools.keys()) if (endpoint.closed) this.#pools.delete(endpoint)
  }
}
