import { ResponseFlag } from '../../model/response-flag.ts'
import type { ConnectionStep, Refusal, StepKind } from '../step.ts'

/** envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit */
export interface ConnectionLimitConfig {
  readonly statPrefix: string
  readonly maxConnections: number
  /** How long a connection beyond them is held before it is closed. Milliseconds. */
  readonly delayMs: number
}

/** So many connections of a filter chain at once, and not more. */
export class ConnectionLimitStep implements ConnectionStep {
  readonly #max: number
  readonly #refusal: Refusal
  #open = 0

  constructor({ maxConnections, delayMs, statPrefix }: ConnectionLimitConfig) {
    this.#max = maxConnections
    this.#refusal = { flags: ResponseFlag.OM, details: `connection_limit{${statPrefix}}`, delayMs }
  }

  decide(): Refusal | undefined {
    if (this.#open >= this.#max) return this.#refusal
    this.#open++
    return undefined
  }

  closed(): void {
    this.#open--
  }
}

export const connectionLimit: StepKind<ConnectionLimitConfig, ConnectionStep> = {
  kind: 'envoy.filters.network.connection_limit',
  create: (config) => new ConnectionLimitStep(config),
}
