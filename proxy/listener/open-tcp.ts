import type { Socket } from 'node:net'
import type { Watchable } from '../../core/watched.ts'
import { noAuthorization } from '../exchange/telemetry-sink.ts'
import { sameSteps } from '../exchange/reauthorization.ts'
import type { FilterChain, Listener } from '../model/listener.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { ArrivedConnection, ConnectionStep, Refusal } from '../steps/step.ts'
import type { TcpConnection } from '../tcp/tcp-route.ts'
import { currentChain, type ChainFacts } from './chain-match.ts'
import type { OpenTraffic } from './policy-changes.ts'

export interface OpenTcpDependencies {
  readonly listener: Watchable<Listener | null | undefined>
  readonly stepsOf: (listener: Listener, chain: FilterChain) => readonly ConnectionStep[]
}

/** An opaque connection, and by which chain it came. */
export class OpenTcp implements OpenTraffic {
  readonly socket: Socket
  readonly #deps: OpenTcpDependencies
  readonly #connection: TcpConnection
  readonly #arrived: ArrivedConnection
  readonly #facts: ChainFacts
  #seen: Listener
  #chain: FilterChain
  #isDefault: boolean
  #authorizers: readonly ConnectionStep[]

  constructor(
    deps: OpenTcpDependencies,
    socket: Socket,
    connection: TcpConnection,
    accepted: { readonly listener: Listener; readonly chain: FilterChain },
    arrived: ArrivedConnection,
    facts: ChainFacts,
  ) {
    const { listener, chain } = accepted
    this.#deps = deps
    this.socket = socket
    this.#connection = connection
    this.#arrived = arrived
    this.#facts = facts
    this.#seen = listener
    this.#chain = chain
    this.#isDefault = chain === listener.defaultFilterChain
    this.#authorizers = this.#authorizersOf(listener, chain)
  }

  get answering(): boolean {
    return this.#connection.relayed
  }

  reauthorize(): void {
    const listener = this.#deps.listener.value
    if (!listener || listener === this.#seen) return
    this.#seen = listener
    const chain = currentChain(listener, this.#chain, this.#isDefault, this.#facts)
    if (!chain) {
      if (this.#arrived.direction === 'inbound') this.#connection.refuse(NO_CHAIN, noAuthorization())
      return
    }
    if (chain.network.kind === 'http') {
      if (this.#arrived.direction === 'inbound') this.#connection.refuse(NO_BYTES, noAuthorization())
      return
    }
    this.#chain = chain
    this.#isDefault = chain === listener.defaultFilterChain
    const authorizers = this.#authorizersOf(listener, chain)
    if (sameSteps(authorizers, this.#authorizers)) return
    this.#authorizers = authorizers
    const told = noAuthorization()
    for (const step of authorizers) {
      const refusal = step.decide(this.#arrived, told)
      if (refusal) return this.#connection.refuse(refusal, told)
    }
  }

  #authorizersOf(listener: Listener, chain: FilterChain): readonly ConnectionStep[] {
    return this.#deps.stepsOf(listener, chain).filter(({ authorizes }) => authorizes)
  }
}

/** Rules of requests hold where bytes were carried, and nobody decides on those by them. */
const NO_BYTES: Refusal = {
  flags: ResponseFlag.DPE,
  details: 'opaque_connection_to_http_chain',
  delayMs: 0,
}

/** What nobody would let in now, as after a change to STRICT. */
const NO_CHAIN: Refusal = { flags: ResponseFlag.NR, details: 'filter_chain_not_found', delayMs: 0 }
