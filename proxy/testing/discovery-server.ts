import { Server, ServerCredentials, type Metadata, type ServerDuplexStream } from '@grpc/grpc-js'
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
} from '../../core/xds/generated/envoy.js'

type Call = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>

/** One client's stream as the server sees it. */
export class DiscoveryStream {
  readonly requests: DeltaDiscoveryRequest[] = []
  readonly metadata: Metadata
  over = false
  readonly #call: Call
  #nonce = 0

  constructor(call: Call) {
    this.#call = call
    this.metadata = call.metadata
    call.on('data', (request: DeltaDiscoveryRequest) => this.requests.push(request))
    for (const end of ['cancelled', 'error', 'end']) call.on(end, () => (this.over = true))
  }

  /** Gives the nonce. */
  send(response: Omit<DeltaDiscoveryResponse, 'nonce'>): string {
    const nonce = `n${++this.#nonce}`
    this.#call.write({ ...response, nonce })
    return nonce
  }

  end(): void {
    this.#call.end()
  }

  fail(code: number, details: string): void {
    this.#call.emit('error', Object.assign(new Error(details), { code, details }))
  }
}

/** A discovery server on loopback that says what a test tells it to. */
export class DiscoveryServer {
  readonly streams: DiscoveryStream[] = []
  /** Called for each stream before it is in `streams`. */
  onStream: (stream: DiscoveryStream) => void = () => {}
  #server: Server | undefined

  /** Gives the port. */
  start(port = 0, credentials = ServerCredentials.createInsecure()): Promise<number> {
    const server = new Server()
    server.addService(AggregatedDiscoveryService, {
      deltaAggregatedResources: (call: Call) => {
        const stream = new DiscoveryStream(call)
        this.onStream(stream)
        this.streams.push(stream)
      },
      streamAggregatedResources: (call: Call) => call.end(),
    })
    this.#server = server
    return new Promise((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    )
  }

  /** As if its process had ended. */
  kill(): void {
    this.#server?.forceShutdown()
  }

  /** Resolves when the last client has gone by itself. */
  deserted(): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#server?.tryShutdown((error) => (error ? reject(error) : resolve())),
    )
  }
}

/** Resolves once `condition` holds; a test's own timeout ends the wait for what never comes. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}
