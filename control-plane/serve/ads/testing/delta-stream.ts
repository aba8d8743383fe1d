import type { Client, ClientDuplexStream, Metadata, StatusObject } from '@grpc/grpc-js'
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
} from '../../../../core/xds/generated/envoy.js'
import type { ResourceType } from '../../../xds/resource.ts'
import { TYPE_URL } from '../session.ts'
import { describe } from './delta-client.ts'

const { path, requestSerialize, responseDeserialize } = AggregatedDiscoveryService.deltaAggregatedResources

/** A stream of the incremental protocol to a real server; acknowledges all that comes. */
export class DeltaStream {
  /** How the stream ended. */
  readonly ended: Promise<StatusObject>
  readonly #call: ClientDuplexStream<DeltaDiscoveryRequest | Buffer, DeltaDiscoveryResponse>
  readonly #come: DeltaDiscoveryResponse[] = []
  #awaited: (() => void) | undefined

  constructor(client: Client, metadata: Metadata) {
    // A buffer goes out as it is: a message that is none.
    const serialize = (request: DeltaDiscoveryRequest | Buffer): Buffer =>
      Buffer.isBuffer(request) ? request : requestSerialize(request)
    this.#call = client.makeBidiStreamRequest(path, serialize, responseDeserialize, metadata)
    this.ended = new Promise((resolve) => this.#call.on('status', resolve))
    this.#call.on('error', () => {})
    this.#call.on('data', (response: DeltaDiscoveryResponse) => {
      this.#come.push(response)
      this.send({ typeUrl: response.typeUrl ?? '', responseNonce: response.nonce ?? '' })
      this.#awaited?.()
    })
  }

  send(request: DeltaDiscoveryRequest | Buffer): void {
    this.#call.write(request)
  }

  ask(type: ResourceType, names: readonly string[]): this {
    this.send({
      node: { id: 'test', metadata: { NAMESPACE: 'shop' } },
      typeUrl: TYPE_URL[type],
      resourceNamesSubscribe: names,
    })
    return this
  }

  /** The first response, from now on or not looked at yet, that tells this, e.g. `+route shop/catalog/80`. */
  async next(told: string): Promise<DeltaDiscoveryResponse> {
    for (;;) {
      for (let one = this.#come.shift(); one; one = this.#come.shift())
        if (describe(one).includes(told)) return one
      const over = await Promise.race([
        this.ended,
        new Promise<undefined>((resolve) => (this.#awaited = () => resolve(undefined))),
      ])
      if (over) throw new Error(`the stream ended before ${told}: ${over.details}`)
    }
  }

  close(): void {
    this.#call.cancel()
  }
}
