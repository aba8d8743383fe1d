import { status } from '@grpc/grpc-js'
import { GrpcError } from '../tokens/grpc-error.ts'

/** Flag and length before each message (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Length-Prefixed-Message). */
const PREFIX = 5
/** Messages of one chunk, 16 KiB at most: empty ones would be 3,276, each of which costs 600 bytes until its turn. */
const MOST_AT_ONCE = 256
/** Pieces of one message, each of which costs some 160 bytes until the last has come: so many, and one more for each so many bytes. */
const PIECES = 256
const BYTES_A_PIECE = 256

/** Follows the messages of one stream by their prefixes, before anything of them is kept. */
export class Framing {
  readonly #longest: number
  readonly #prefix = Buffer.alloc(PREFIX)
  #ofPrefix = 0
  #left = 0
  #pieces = 0
  #partial = 0

  /** `longest`: bytes of the longest message of the method. */
  constructor(longest: number) {
    this.#longest = longest
  }

  /** Bytes of a message whose end has not come yet. */
  get partial(): number {
    return this.#partial
  }

  /** Why the stream is over, where this chunk is none that an honest caller sends. */
  take(chunk: Uint8Array): GrpcError | undefined {
    let messages = 0
    let at = 0
    if (this.#partial > 0 && ++this.#pieces > PIECES + this.#partial / BYTES_A_PIECE)
      return new GrpcError(status.RESOURCE_EXHAUSTED, 'a message in too many pieces: send larger ones')
    while (at < chunk.length) {
      const part = Math.min(this.#left > 0 ? this.#left : PREFIX - this.#ofPrefix, chunk.length - at)
      if (this.#left > 0) this.#left -= part
      else {
        this.#prefix.set(chunk.subarray(at, at + part), this.#ofPrefix)
        this.#ofPrefix += part
        const wrong = this.#ofPrefix === PREFIX ? this.#begin() : undefined
        if (wrong) return wrong
      }
      at += part
      this.#partial += part
      if (this.#ofPrefix < PREFIX || this.#left > 0) continue
      this.#ofPrefix = this.#partial = this.#pieces = 0
      if (++messages > MOST_AT_ONCE)
        return new GrpcError(status.RESOURCE_EXHAUSTED, `more than ${MOST_AT_ONCE} messages at once`)
    }
    return undefined
  }

  #begin(): GrpcError | undefined {
    // Nobody said an encoding: "Compression" there makes that flag an error, INTERNAL.
    if (this.#prefix[0] !== 0)
      return new GrpcError(status.INTERNAL, 'a message is flagged as compressed: send messages as they are')
    const length = this.#prefix.readUInt32BE(1)
    if (length > this.#longest)
      return new GrpcError(
        status.RESOURCE_EXHAUSTED,
        `a message of ${length} bytes; at most ${this.#longest}`,
      )
    this.#left = length
    return undefined
  }
}
