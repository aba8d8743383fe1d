import type { GrpcError } from '../tokens/grpc-error.ts'

type Refuse = (refusal: GrpcError) => void

/**
 * Joins a stream of HTTP/2 with the gRPC call that it is: grpc-js shows its interceptors no stream, but makes the call,
 * and asks them, within the stream's event.
 */
export class NewCalls {
  #refuse: Refuse | undefined

  /** How the call is refused that `begin` made; undefined: it made none. */
  during(begin: () => void): Refuse | undefined {
    this.#refuse = undefined
    begin()
    const refuse = this.#refuse as Refuse | undefined
    this.#refuse = undefined
    return refuse
  }

  made(refuse: Refuse): void {
    this.#refuse = refuse
  }
}
