import { BadMessage } from './bad-message.ts'

export const MAX_HEAD_BYTES = 60 * 1024

/**
 * Collects bytes until a message head is whole, however they are cut. Lines end in CRLF and nothing else
 * (RFC 9112 section 2.2 lets a recipient take a bare LF; two that differ there can be played off).
 */
export class HeadBuffer {
  #held: Buffer | undefined
  #scanned = 0
  #lineStart = 0
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Something of a head is here. */
  get started(): boolean {
    return this.#held !== undefined
  }

  /** Bytes that came with the chunk that completed a head, after it. */
  rest: Buffer | undefined

  /**
   * The head as text, one char a byte, with its last CRLFCRLF; undefined: not whole yet. `chunk` may be kept
   * by copy. Throws BadMessage.
   */
  feed(chunk: Buffer): string | undefined {
    let buffer = chunk
    if (this.#held) buffer = Buffer.concat([this.#held, chunk])
    let lineStart = this.#lineStart
    let at = this.#scanned
    for (;;) {
      const lf = buffer.indexOf(0x0a, at)
      if (lf < 0) break
      if (lf === 0 || buffer[lf - 1] !== 0x0d) throw new BadMessage('a line ends in LF without CR')
      at = lf + 1
      if (lf - lineStart === 1) {
        // RFC 9112 section 2.2: an empty line before a request line is skipped, once.
        if (lineStart === 0) {
          if (buffer.length === 2) {
            this.#held = undefined
            this.#scanned = 0
            this.#lineStart = 0
            return undefined
          }
          buffer = buffer.subarray(2)
          at = 0
          lineStart = 0
          if (buffer.length >= 2 && buffer[0] === 0x0d && buffer[1] === 0x0a)
            throw new BadMessage('empty lines before a message')
          continue
        }
        if (at > this.#limit) throw new BadMessage('the header is too large', 431)
        this.rest = at < buffer.length ? buffer.subarray(at) : undefined
        this.#held = undefined
        this.#scanned = 0
        this.#lineStart = 0
        return buffer.toString('latin1', 0, at)
      }
      lineStart = at
    }
    if (buffer.length > this.#limit) throw new BadMessage('the header is too large', 431)
    this.#held = this.#held ? buffer : Buffer.from(buffer)
    this.#scanned = buffer.length
    this.#lineStart = lineStart
    return undefined
  }
}
