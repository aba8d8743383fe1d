import type { Clock } from '../../core/clock.ts'
import type { EndpointState } from './endpoint-state.ts'

/**
 * Keeps the pod to one endpoint of a cluster until it has not been picked for a time (Kubernetes' `sessionAffinity: ClientIP`,
 * of which a sidecar sees one client), or something speaks against it.
 */
export class ClientAffinity {
  readonly #clock: Clock
  #kept: EndpointState | undefined
  #untilMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The endpoint that is kept now; undefined: none is. */
  get kept(): EndpointState | undefined {
    return this.#kept?.health.standing === 'use' && this.#clock.now() < this.#untilMs ? this.#kept : undefined
  }

  /**
   * The endpoint that is kept, else what `balance` gives, which is kept from then on. With `tried`, endpoints that this
   * request or connection failed at, it goes elsewhere once, and what is kept stays.
   */
  pick(
    affinityMs: number,
    tried: readonly EndpointState[] | undefined,
    balance: () => EndpointState | undefined,
  ): EndpointState | undefined {
    const { kept } = this
    if (tried && tried.length > 0) return kept && !tried.includes(kept) ? kept : balance()
    const picked = kept ?? balance()
    this.#kept = picked
    this.#untilMs = this.#clock.now() + affinityMs
    return picked
  }
}
