import { isDeepStrictEqual } from 'node:util'
import type { Watchable } from '../../core/watched.ts'
import type { ConnectionManager } from '../exchange/connection-manager.ts'
import type { FilterChain, HttpConnectionManager, Listener } from '../model/listener.ts'

/** Makes, or finds, what runs the settings of a chain. */
export type ManagerOf = (
  listener: Listener,
  chain: FilterChain,
  settings: HttpConnectionManager,
) => ConnectionManager

/**
 * By what the requests of one open connection are served: the settings of its chain in its listener as that is now, so that
 * other routes and other filters hold for connections that were there before. What a connection was made with (TLS, limits
 * of heads, idle times) stays; so does the last of all that, where its chain has gone.
 */
export class CurrentManager {
  readonly #listener: Watchable<Listener | null | undefined>
  readonly #managerOf: ManagerOf
  readonly #unwatch: () => void
  #unwatchRoutes: () => void
  #seen: Listener | null | undefined
  #chain: FilterChain
  #isDefault: boolean
  #manager: ConnectionManager

  constructor(
    watched: Watchable<Listener | null | undefined>,
    listener: Listener,
    chain: FilterChain,
    settings: HttpConnectionManager,
    managerOf: ManagerOf,
  ) {
    this.#listener = watched
    this.#managerOf = managerOf
    this.#seen = listener
    this.#chain = chain
    this.#isDefault = chain === listener.defaultFilterChain
    this.#manager = managerOf(listener, chain, settings)
    // Both are in use as long as the connection is open, and stay current.
    this.#unwatch = watched.watch(ignore)
    this.#unwatchRoutes = this.#manager.routes.watch(ignore)
  }

  get value(): ConnectionManager {
    const listener = this.#listener.value
    if (listener === this.#seen) return this.#manager
    this.#seen = listener
    const chain = listener && this.#sameChain(listener)
    if (!chain || chain.network.kind !== 'http') return this.#manager
    this.#chain = chain
    const manager = this.#managerOf(listener, chain, chain.network)
    if (manager === this.#manager) return manager
    const unwatch = manager.routes.watch(ignore)
    this.#unwatchRoutes()
    this.#unwatchRoutes = unwatch
    return (this.#manager = manager)
  }

  close(): void {
    this.#unwatch()
    this.#unwatchRoutes()
  }

  /** No two chains of a listener match the same. */
  #sameChain({ defaultFilterChain, filterChains }: Listener): FilterChain | undefined {
    const before = this.#chain
    const same = this.#isDefault
      ? defaultFilterChain
      : filterChains.find(({ match }) => isDeepStrictEqual(match, before.match))
    return (same?.tls === undefined) === (before.tls === undefined) ? same : undefined
  }
}

function ignore(): void {}
