import type { Test } from 'tap'
import type { CaCredentials } from '../../certs/authority.ts'
import { INBOUND_PORT } from '../../core/contract.ts'
import { Watched } from '../../core/watched.ts'
import type { MeshView } from '../../control-plane/mesh.ts'
import { SIDECAR } from '../../control-plane/xds/client-takes.ts'
import type { ResourceType } from '../../control-plane/xds/resource.ts'
import {
  noTelemetry,
  type ConnectionRecord,
  type RequestRecord,
} from '../../proxy/exchange/telemetry-sink.ts'
import { Runtime } from '../../proxy/runtime.ts'
import { readSpiffeId, secretsFor } from '../../proxy/testing/mesh-identity.ts'
import { TestConfiguration } from '../../proxy/testing/static-configuration.ts'
import { loadOriginalDestination } from '../../proxy/transport/original-destination.ts'
import { decodeResource, type Decoded } from '../../proxy/xds/decode.ts'
import type { Pod } from './world.ts'

/** A pod's sidecar takes what is for a port at that port and this many more: as if iptables had sent it there. */
export const CAPTURED = 10_000

/** The sidecar of a pod that is called, with what the control plane says of the pod. */
export class ServingSidecar {
  readonly #told: (RequestRecord | ConnectionRecord)[] = []
  #wake = (): void => {}
  readonly #pod: Pod
  readonly #configuration = new TestConfiguration()

  private constructor(pod: Pod) {
    this.#pod = pod
  }

  /**
   * Until the end of the test. Its addresses must be those of this machine. `captured` 0: nobody sends it anything, it is
   * dialled. `rules`: iptables sends it what comes to the pod.
   */
  static async start(
    t: Test,
    root: CaCredentials,
    pod: Pod,
    addresses = [pod.address],
    captured: number | 'rules' = CAPTURED,
  ): Promise<ServingSidecar> {
    const sidecar = new ServingSidecar(pod)
    const identity = secretsFor(root, `spiffe://cluster.local/ns/${pod.namespace}/sa/${pod.account}`)
    const runtime = new Runtime({
      configuration: sidecar.#configuration,
      secrets: new Watched(identity),
      readSpiffeId,
      telemetry: {
        ...noTelemetry,
        requestFinished: (record) => sidecar.#tell(record),
        connectionFinished: (record) => sidecar.#tell(record),
      },
      originalDestination:
        captured === 'rules'
          ? loadOriginalDestination()
          : (socket) => ({
              host: (socket.localAddress ?? '').replace('::ffff:', ''),
              port: (socket.localPort ?? 0) - captured,
            }),
      ownAddresses: addresses,
    })
    if (captured === 'rules') await runtime.serveInbound('::', INBOUND_PORT)
    else
      for (const address of addresses)
        for (const port of pod.ports) await runtime.serveInbound(address, port + captured)
    t.teardown(() => runtime.close())
    return sidecar
  }

  #tell(record: RequestRecord | ConnectionRecord): void {
    this.#told.push({ ...record })
    this.#wake()
  }

  /** The next record of a request or of a connection of bytes. */
  async told(): Promise<RequestRecord | ConnectionRecord> {
    for (;;) {
      const record = this.#told.shift()
      if (record) return record
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Takes what this version of the mesh has for the pod: the bytes that it would be sent. */
  follow(view: MeshView): void {
    this.#configuration.cluster('inbound').set(this.#resource(view, 'cluster', 'inbound'))
    this.#configuration.listener('inbound').set(this.#resource(view, 'listener', 'inbound'))
  }

  #resource<K extends ResourceType>(view: MeshView, kind: K, name: string): Decoded[K] {
    const { namespace, name: pod } = this.#pod
    const resource = view.resource(kind, name, { namespace, pod, takes: SIDECAR })
    if (!resource) throw new Error(`there is no ${kind} ${name}`)
    const decoded = decodeResource(kind, { typeUrl: resource.typeUrl, value: resource.body })
    if (!decoded.ok) throw new Error(`${kind} ${name}: ${decoded.problems.join('; ')}`)
    return decoded.value
  }
}
