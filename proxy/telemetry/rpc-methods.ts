import type { RequestRecord } from '../exchange/telemetry-sink.ts'

/** Methods of gRPC that are told by name, both directions together. */
export const MOST_RPC_METHODS = 255
const LONGEST_METHOD = 256
const UNIMPLEMENTED = 12

/**
 * Numbers of gRPC methods, from 1; 0 is every other. A caller may name whatever it likes: a method is known once the
 * application has answered it with a status that is not UNIMPLEMENTED.
 */
export class RpcMethods {
  readonly #numbers = new Map<string, number>()
  readonly #names: string[] = ['_OTHER']

  numberOf({ path, answered, grpcStatus }: RequestRecord): number {
    const known = this.#numbers.get(path)
    if (known !== undefined) return known
    if (!answered || grpcStatus < 0 || grpcStatus === UNIMPLEMENTED) return 0
    if (this.#names.length > MOST_RPC_METHODS || path.length > LONGEST_METHOD || !METHOD_PATH.test(path))
      return 0
    // A copy: a slice would keep the whole head alive.
    const name = Buffer.from(path, 'latin1').toString('latin1')
    this.#numbers.set(name, this.#names.length)
    this.#names.push(name.slice(1))
    return this.#names.length - 1
  }

  /** Fully qualified, `shop.Catalog/List`, as the conventions want it. */
  nameOf(number: number): string {
    return this.#names[number] ?? '_OTHER'
  }
}

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: Path */
const METHOD_PATH = /^\/[\w.]+\/\w+$/
