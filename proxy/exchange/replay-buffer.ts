import type { Fields } from '../http/message.ts'

/** Bodies beyond this are not kept, and their requests not repeated. */
export const REPLAY_LIMIT_BYTES = 64 * 1024
/** A body that comes in many pieces is gathered in blocks of at least this. */
const SECOND_BYTES = 256

/**
 * The request body as far as it came, kept while a further try may need it from its start. It lies in blocks that double,
 * so that what it takes is at most twice what it holds, however small the pieces are that it came in.
 */
export class ReplayBuffer {
  /** The caller's half is whole. */
  ended: boolean
  trailers: Fields | undefined
  /** Everything so far is here. */
  complete = true
  #blocks: Buffer[] = []
  /** Filled of the newest block. */
  #fill = 0
  #bytes = 0

  constructor(ended: boolean) {
    this.ended = ended
  }

  /** Valid until the next call. */
  get chunks(): readonly Buffer[] {
    const { length } = this.#blocks
    const newest = this.#blocks[length - 1]
    if (newest === undefined || this.#fill === newest.length) return this.#blocks
    return [...this.#blocks.slice(0, length - 1), newest.subarray(0, this.#fill)]
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Memory that it takes. Bytes. */
  get occupied(): number {
    return this.#blocks.reduce((sum, { length }) => sum + length, 0)
  }

  get full(): boolean {
    return this.#bytes > REPLAY_LIMIT_BYTES
  }

  add(chunk: Buffer): void {
    const newest = this.#blocks[this.#blocks.length - 1]
    const room = newest === undefined ? 0 : newest.length - this.#fill
    const fits = Math.min(room, chunk.length)
    if (fits > 0) {
      chunk.copy(newest as Buffer, this.#fill, 0, fits)
      this.#fill += fits
    }
    const rest = chunk.length - fits
    if (rest > 0) {
      // The first one is all that most bodies need.
      const size =
        newest === undefined ? rest : Math.max(rest, SECOND_BYTES, Math.min(this.#bytes, REPLAY_LIMIT_BYTES))
      const block = Buffer.allocUnsafe(size)
      chunk.copy(block, 0, fits)
      this.#blocks.push(block)
      this.#fill = rest
    }
    this.#bytes += chunk.length
  }

  /** Nothing will be repeated any more. */
  release(): void {
    this.complete = false
    if (this.#blocks.length > 0) this.#blocks = []
    this.#fill = this.#bytes = 0
  }
}
