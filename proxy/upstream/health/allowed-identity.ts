import type { Cluster, Endpoint } from '../../model/cluster.ts'
import type { UpstreamTls } from '../../model/tls.ts'
import { allowsPeer } from '../../transport/peer-identity.ts'
import { isMesh } from '../../transport/tls-contexts.ts'
import type { HealthSignal, SignalContext, Standing } from './signal.ts'

/**
 * An endpoint whose identity the cluster does not allow would fail every handshake. While a rollout changes the service
 * account, the names of the cluster and its endpoints come one after the other: requests go to those that can answer.
 */
export class AllowedIdentity implements HealthSignal {
  readonly name = 'allowed-identity'
  standing: Standing = 'use'
  readonly #context: SignalContext

  constructor(context: SignalContext) {
    this.#context = context
  }

  configured(endpoint: Endpoint, _cluster: Cluster, tls: UpstreamTls | undefined): void {
    const checked = endpoint.identity !== '' && isMesh(tls?.validation)
    // As the last resort, so that the handshake says what is wrong where there is no other.
    this.standing = checked && !allowsPeer(tls?.validation, endpoint.identity) ? 'last-resort' : 'use'
    this.#context.changed()
  }
}
