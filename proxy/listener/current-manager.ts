import type { Watchable } from '../../core/watched.ts'
import type { ConnectionManager } from '../exchange/connection-manager.ts'
import type { FilterChain, HttpConnectionManager, Listener } from '../model/listener.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import { NO_STEPS, type RequestSteps } from '../steps/request-steps.ts'
import type { Answer, RequestStep } from '../steps/step.ts'
import { currentChain, type ChainFacts } from './chain-match.ts'

/** Makes, or finds, what runs the settings of a chain. */
export type ManagerOf = (
  listener: Listener,
  chain: FilterChain,
  settings: HttpConnectionManager,
) => ConnectionManager

/**
 * By what the requests of one open connection are served: the settings of its chain in its listener as that is now, so that
 * other routes and other filters hold for connections that were there before. What a connection was made with (TLS, limits
 * of heads, idle times) stays. Where its chain has gone, and no other would take it, what there was last goes on, or, with
 * `endsWithChain`, nothing does; so where its port carries bytes by now, or, with that, what holds for those (`stepsOfBytes`).
 */
export class CurrentManager {
  readonly #listener: Watchable<Listener | null | undefined>
  readonly #managerOf: ManagerOf
  readonly #facts: ChainFacts
  readonly #endsWithChain: boolean
  readonly #stepsOfBytes: (listener: Listener, chain: FilterChain) => RequestSteps
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
    facts: ChainFacts,
    endsWithChain: boolean,
    stepsOfBytes: (listener: Listener, chain: FilterChain) => RequestSteps,
  ) {
    this.#listener = watched
    this.#managerOf = managerOf
    this.#facts = facts
    this.#endsWithChain = endsWithChain
    this.#stepsOfBytes = stepsOfBytes
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
    const chain = listener && currentChain(listener, this.#chain, this.#isDefault, this.#facts)
    if (listener && !chain && this.#endsWithChain)
      return (this.#manager = { ...this.#manager, steps: NOBODY_IS_LET_IN })
    if (!chain) return this.#manager
    if (chain.network.kind !== 'http') {
      if (listener && this.#endsWithChain)
        this.#manager = { ...this.#manager, steps: this.#stepsOfBytes(listener, chain) }
      return this.#manager
    }
    this.#chain = chain
    this.#isDefault = chain === listener.defaultFilterChain
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
}

const NO_CHAIN: Answer = {
  kind: 'answer',
  flags: ResponseFlag.NR,
  reply: { status: 403, details: 'filter_chain_not_found', text: 'connections like this one are not let in' },
}
const REFUSES: RequestStep = { authorizes: { byFields: false }, decide: () => NO_CHAIN }
const NOBODY_IS_LET_IN: RequestSteps = { ...NO_STEPS, steps: [REFUSES], authorizers: [REFUSES] }

function ignore(): void {}
