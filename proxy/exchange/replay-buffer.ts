import type { Fields } from '../http/message.ts'

/** Bodies beyond this are not kept, and their requests not repeated. */
export const REPLAY_LIMIT_BYTES = 64 * 1024

/** The request body as far as it came, kept while a further try may need it from its start. */
export class ReplayBuffer {
  /** The caller's half is whole. */
  ended: boolean
  trailers: Fields | undefined
  /** Everything so far is here. */
  complete = true
  #chunks: Buffer[] = []
  #bytes = 0

  constructor(ended: boolean) {
    this.ended = ended
  }

  get chunks(): readonly Buffer[] {
    return this.#chunks
  }

  get bytes(): number {
    return this.#bytes
  }

  get full(): boolean {
    return this.#bytes > REPLAY_LIMIT_BYTES
  }

  add(chunk: Buffer): void {
    this.#chunks.push(Buffer.from(chunk))
    this.#bytes += chunk.length
  }

  /** Nothing will be repeated any more. */
  release(): void {
    this.complete = false
    this.#chunks = []
    this.#bytes = 0
  }
}
