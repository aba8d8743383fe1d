import type { Endpoint } from '../../model/cluster.ts'
import type { HealthSignal, SignalContext, Standing } from './signal.ts'

const STANDINGS: Readonly<Record<Endpoint['health'], Standing>> = {
  healthy: 'use',
  draining: 'last-resort',
  unhealthy: 'avoid',
}

/** What the configuration says (Envoy's health_status of an LbEndpoint). */
export class ConfiguredHealth implements HealthSignal {
  readonly name = 'configured'
  standing: Standing = 'use'
  readonly #context: SignalContext

  constructor(context: SignalContext) {
    this.#context = context
  }

  configured(endpoint: Endpoint): void {
    this.standing = STANDINGS[endpoint.health]
    this.#context.changed()
  }
}
