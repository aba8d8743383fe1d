import type { Test } from 'tap'
import type { CaCredentials } from '../../certs/authority.ts'
import { ALPN_LINK, ALPN_TCP } from '../../core/contract.ts'
import { secretsFor } from '../../proxy/testing/mesh-identity.ts'
import { sidecar, upstream, type Sidecar } from '../../proxy/testing/mesh-sidecar.ts'
import {
  endpointAt,
  forwardTo,
  listenerOf,
  MANAGER,
  TestConfiguration,
} from '../../proxy/testing/static-configuration.ts'
import type { WorkloadSecrets } from '../../proxy/transport/tls-contexts.ts'
import { callOn, meshConnection, placeOf, plainConnection, type Answer } from './calling.ts'
import { ANYWHERE } from './addresses-of-world.ts'
import type { Call } from './scene.ts'
import { CAPTURED } from './serving-sidecar.ts'
import { PODS } from './world.ts'

/** Whoever calls: a sidecar of each identity and way, as many as are needed, and who has none. */
export class Callers {
  readonly #t: Test
  readonly #root: CaCredentials
  readonly #secrets = new Map<string, WorkloadSecrets>()
  readonly #sidecars = new Map<string, Promise<Sidecar>>()

  constructor(t: Test, root: CaCredentials) {
    this.#t = t
    this.#root = root
  }

  /** Through a sidecar of the caller's, unless it has no identity or is somewhere in particular. */
  async call(call: Call): Promise<Answer> {
    const pod = PODS[call.pod]
    if (!pod) throw new Error(`there is no pod ${call.pod}`)
    const place = placeOf(call, { host: pod.address, host6: pod.address6 ?? '' }, call.port + CAPTURED)
    if (call.identity === '') return callOn(await plainConnection(place), call)
    if (call.address !== ANYWHERE) {
      const alpn = call.bytes ? ALPN_TCP : 'http/1.1'
      return callOn(await meshConnection(place, this.#secretsOf(call.identity), alpn), call)
    }
    const { port } = await this.#sidecarFor(call)
    return callOn(await plainConnection({ host: '127.0.0.1', port }), call)
  }

  #secretsOf(identity: string): WorkloadSecrets {
    let secrets = this.#secrets.get(identity)
    if (!secrets) this.#secrets.set(identity, (secrets = secretsFor(this.#root, identity)))
    return secrets
  }

  #sidecarFor({ identity, pod, port, bytes }: Call): Promise<Sidecar> {
    const key = `${identity} ${pod}:${port} ${bytes}`
    let made = this.#sidecars.get(key)
    if (made) return made
    const { namespace, account, address } = PODS[pod] ?? { namespace: '', account: '', address: '' }
    const configuration = new TestConfiguration()
    configuration.setCluster('pod', [], {
      discovery: {
        kind: 'static',
        endpoints: [
          endpointAt(port + CAPTURED, {
            address,
            identity: `spiffe://cluster.local/ns/${namespace}/sa/${account}`,
          }),
        ],
      },
      tls: upstream([bytes ? ALPN_TCP : ALPN_LINK]),
    })
    configuration.setRoutes([forwardTo({ pod: 1 })])
    const tcp = {
      kind: 'tcp',
      statPrefix: 'tcp',
      clusters: [{ cluster: 'pod', weight: 1 }],
      idleTimeoutMs: 0,
    } as const
    configuration.listeners.set(new Map([['front', listenerOf(bytes ? tcp : MANAGER)]]))
    made = sidecar(this.#t, configuration, this.#secretsOf(identity))
    this.#sidecars.set(key, made)
    return made
  }
}
