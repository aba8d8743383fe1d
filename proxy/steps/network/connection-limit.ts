import { ConnectionLimit } from '../../../core/xds/generated/envoy.js'
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

  fresh(): boolean {
    return this.#open === 0
  }
}

export const connectionLimit: StepKind<ConnectionLimit, ConnectionLimitConfig, ConnectionStep> = {
  kind: 'envoy.filters.network.connection_limit',
  type: ConnectionLimit,
  read({ statPrefix = '', maxConnections = 0n, delay = 0 }, scope) {
    if (maxConnections < 1n) scope.at('max_connections').fail('must be at least 1')
    return { statPrefix, maxConnections: Number(maxConnections), delayMs: delay }
  },
  create: (config) => new ConnectionLimitStep(config),
}
