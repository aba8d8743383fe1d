import type { EndpointState } from './endpoint-state.ts'
import type { HttpPool } from './http-pool.ts'
import type { UpstreamCluster } from './upstream-cluster.ts'

/**
 * The connections of one caller's connection, shared with nobody: what logs in the connection (NTLM, RFC 4559) makes
 * every later request on it that user's. Over a link they are a link of its own, which the next sidecar takes for one
 * caller's connection in turn.
 */
export class OwnConnections {
  readonly #pools = new Map<EndpointState, HttpPool>()

  /** The endpoint of `cluster` that it is connected to, where the login is. */
  endpointIn(cluster: UpstreamCluster): EndpointState | undefined {
    for (const endpoint of this.#pools.keys())
      for (const state of cluster.states.values()) if (state === endpoint) return endpoint
    return undefined
  }

  pool(endpoint: EndpointState, http2: boolean): HttpPool {
    let pool = this.#pools.get(endpoint)
    if (!pool) this.#pools.set(endpoint, (pool = endpoint.ownPool(http2)))
    return pool
  }

  /** The caller has gone. */
  destroy(): void {
    for (const [endpoint, pool] of this.#pools) endpoint.dropOwn(pool)
    this.#pools.clear()
  }
}
