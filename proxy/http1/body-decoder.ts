import type { Fields } from '../http/message.ts'
import { BadMessage } from './bad-message.ts'
import { parseFields } from './field-block.ts'

export interface BodySink {
  onBody(chunk: Buffer): void
  onBodyEnd(trailers: Fields | undefined): void
}

// chunk-ext nobody uses, and bounded because each byte of it costs and carries nothing (Node CVE-2024-22019).
const MAX_CHUNK_LINE = 256
const MAX_EXTENSION_BYTES = 4096
const MAX_TRAILER_BYTES = 16 * 1024
// Digits that stay exact in a double.
const MAX_SIZE_DIGITS = 13

type State = 'none' | 'length' | 'close' | 'size' | 'chunk' | 'chunk-end' | 'trailers' | 'done'

/** Takes the framing off a message body (RFC 9112 sections 6 and 7), incremental at every byte. */
export class BodyDecoder {
  #state: State = 'none'
  #remaining = 0
  #line = ''
  #extensionBytes = 0

  /** A body of `length` bytes, chunks (-1), or everything until the connection's end (-2). */
  start(length: number): void {
    this.#remaining = length
    this.#line = ''
    this.#extensionBytes = 0
    this.#state = length === -2 ? 'close' : length === -1 ? 'size' : length === 0 ? 'done' : 'length'
  }

  get untilClose(): boolean {
    return this.#state === 'close'
  }

  get done(): boolean {
    return this.#state === 'done' || this.#state === 'none'
  }

  /** Hands on what `buffer` holds of the body from `at`; returns where the body ended or `buffer.length`. Throws BadMessage. */
  feed(buffer: Buffer, at: number, sink: BodySink): number {
    while (at < buffer.length) {
      switch (this.#state) {
        case 'none':
        case 'done':
          return at
        case 'close':
          sink.onBody(at === 0 ? buffer : buffer.subarray(at))
          return buffer.length
        case 'length':
        case 'chunk': {
          const end = Math.min(buffer.length, at + this.#remaining)
          this.#remaining -= end - at
          const chunk = at === 0 && end === buffer.length ? buffer : buffer.subarray(at, end)
          at = end
          if (this.#remaining > 0) {
            sink.onBody(chunk)
            break
          }
          if (this.#state === 'chunk') {
            this.#state = 'chunk-end'
            sink.onBody(chunk)
            break
          }
          this.#state = 'done'
          sink.onBody(chunk)
          sink.onBodyEnd(undefined)
          return at
        }
        case 'size':
          at = this.#readLine(buffer, at, MAX_CHUNK_LINE)
          if (this.#line.endsWith('\r\n')) this.#size()
          break
        case 'chunk-end':
          at = this.#readLine(buffer, at, 2)
          if (this.#line === '\r\n') {
            this.#line = ''
            this.#state = 'size'
          } else if (this.#line !== '\r') throw new BadMessage('a chunk is longer than its size')
          break
        case 'trailers':
          at = this.#readLine(buffer, at, MAX_TRAILER_BYTES)
          if (this.#line === '\r\n' || this.#line.endsWith('\r\n\r\n')) {
            const trailers = this.#trailers()
            this.#state = 'done'
            sink.onBodyEnd(trailers)
            return at
          }
          break
      }
    }
    return at
  }

  /** Appends one line, or what there is of it, to what came before. */
  #readLine(buffer: Buffer, at: number, limit: number): number {
    const lf = buffer.indexOf(0x0a, at)
    const end = lf < 0 ? buffer.length : lf + 1
    if (this.#line.length + end - at > limit)
      throw new BadMessage(
        this.#state === 'trailers' ? 'the trailers are too large' : 'a chunk header is too long',
      )
    this.#line += buffer.toString('latin1', at, end)
    if (lf >= 0 && !this.#line.endsWith('\r\n')) throw new BadMessage('a line ends in LF without CR')
    return end
  }

  #size(): void {
    const line = this.#line.slice(0, -2)
    this.#line = ''
    const digits = /^[0-9A-Fa-f]+/.exec(line)?.[0] ?? ''
    if (digits === '' || digits.length > MAX_SIZE_DIGITS) throw new BadMessage('malformed chunk size')
    const extension = line.slice(digits.length)
    if (extension !== '' && !/^[\t ]*;[\t\x20-\x7e\x80-\xff]*$/.test(extension))
      throw new BadMessage('malformed chunk extension')
    this.#extensionBytes += extension.length
    if (this.#extensionBytes > MAX_EXTENSION_BYTES) throw new BadMessage('too many chunk extensions')
    this.#remaining = Number.parseInt(digits, 16)
    this.#state = this.#remaining === 0 ? 'trailers' : 'chunk'
  }

  #trailers(): Fields | undefined {
    const text = this.#line
    this.#line = ''
    if (text === '\r\n') return undefined
    const block = parseFields(text, 0, text.length - 2)
    // RFC 9110 section 6.5.1: framing, routing and the like have no place there.
    if (
      block.host !== undefined ||
      block.contentLength >= 0 ||
      block.chunked ||
      block.close ||
      block.upgrade !== ''
    )
      throw new BadMessage('a trailer field that belongs into the header')
    return block.fields.length > 0 ? block.fields : undefined
  }
}
