import type { HeadLimits } from '../http/head-limits.ts'
import type { Fields } from '../http/message.ts'
import { CR, HEX, LF, TOKEN_LOWER, VALUE } from './characters.ts'
import { FieldLines } from './field-lines.ts'
import { HeadBlock } from './head-block.ts'
import { BlockText } from './block-text.ts'
import { readTrailers } from './head-fields.ts'
import { MAX_CHUNK_SIZE_DIGITS, MAX_EXTENSION_BYTES } from './limits.ts'
import { malformed, MessageError } from './message-error.ts'

export interface BodySink {
  onBody(chunk: Buffer): void
}

const DONE = 0
const LENGTH = 1
const UNTIL_CLOSE = 2
const SIZE = 3
const EXTENSION_NAME = 4
const EXTENSION_VALUE = 5
const QUOTED = 6
const QUOTED_PAIR = 7
const AFTER_QUOTED = 8
const SIZE_LF = 9
const CHUNK = 10
const CHUNK_CR = 11
const CHUNK_LF = 12
const TRAILERS = 13

const SEMICOLON = 59
const EQUALS = 61
const QUOTE = 34
const BACKSLASH = 92

const TRAILER_LINES = new FieldLines()
const TRAILER_TEXT = new BlockText()

/** Takes the framing off a body (RFC 9112 sections 6 and 7), incremental at every byte. */
export class BodyDecoder {
  /** Of a chunked body that is done. */
  trailers: Fields | undefined = undefined
  #state = DONE
  #remaining = 0
  #digits = 0
  #extensionBytes = 0
  // Bytes since the last delimiter of an extension: neither name nor value may be empty.
  #elementBytes = 0
  readonly #block = new HeadBlock()
  readonly #trailerLimits: HeadLimits

  /** Trailers may hold what a head may (as in Envoy). */
  constructor(trailerLimits: HeadLimits) {
    this.#trailerLimits = trailerLimits
  }

  startLength(bytes: number): void {
    this.#remaining = bytes
    this.trailers = undefined
    this.#state = bytes === 0 ? DONE : LENGTH
  }

  startChunked(): void {
    this.#remaining = 0
    this.#digits = 0
    this.#extensionBytes = 0
    this.trailers = undefined
    this.#block.clear()
    this.#state = SIZE
  }

  startUntilClose(): void {
    this.trailers = undefined
    this.#state = UNTIL_CLOSE
  }

  /** Also from inside `onBody`: what follows is not this body's. */
  stop(): void {
    this.#state = DONE
  }

  get done(): boolean {
    return this.#state === DONE
  }

  get untilClose(): boolean {
    return this.#state === UNTIL_CLOSE
  }

  /** Bytes of a body of known length that are still to come; 0 otherwise. */
  get bytesLeft(): number {
    return this.#state === LENGTH ? this.#remaining : 0
  }

  /** Gives `sink` what `bytes` holds of the body from `at`; returns where it stopped. Throws MessageError. */
  feed(bytes: Buffer, at: number, sink: BodySink): number {
    const to = bytes.length
    let pos = at
    while (pos < to) {
      switch (this.#state) {
        case DONE:
          return pos
        case UNTIL_CLOSE:
          sink.onBody(pos === 0 ? bytes : bytes.subarray(pos))
          return to
        case LENGTH:
        case CHUNK: {
          const from = pos
          pos = to - pos > this.#remaining ? pos + this.#remaining : to
          this.#remaining -= pos - from
          if (this.#remaining === 0) this.#state = this.#state === CHUNK ? CHUNK_CR : DONE
          sink.onBody(from === 0 && pos === to ? bytes : bytes.subarray(from, pos))
          break
        }
        case CHUNK_CR:
          if (bytes[pos++] !== CR) throw malformed('chunk_end', 'a chunk must be followed by CRLF')
          this.#state = CHUNK_LF
          break
        case CHUNK_LF:
          if (bytes[pos++] !== LF) throw malformed('chunk_end', 'a chunk must be followed by CRLF')
          this.#digits = 0
          this.#state = SIZE
          break
        case SIZE:
          this.#size(bytes[pos++] as number)
          break
        case SIZE_LF:
          if (bytes[pos++] !== LF) throw malformed('bare_cr', 'a CR must be followed by LF')
          this.#state = this.#remaining === 0 ? TRAILERS : CHUNK
          break
        case TRAILERS:
          pos = this.#readTrailers(bytes, pos)
          break
        default:
          this.#extension(bytes[pos++] as number)
      }
    }
    return pos
  }

  #size(c: number): void {
    const digit = HEX[c] as number
    if (digit !== 255) {
      if (this.#digits++ === MAX_CHUNK_SIZE_DIGITS) throw malformed('chunk_size', 'a chunk size is too long')
      this.#remaining = this.#remaining * 16 + digit
    } else if (this.#digits === 0) throw malformed('chunk_size', 'a chunk must start with its size')
    else if (c === CR) this.#state = SIZE_LF
    else if (c === SEMICOLON) this.#extension(c)
    else throw malformed('chunk_size', 'a chunk size must be hexadecimal digits and CRLF')
  }

  /** chunk-ext (RFC 9112 section 7.1.1) without the bad whitespace that it tolerates. */
  #extension(c: number): void {
    if (++this.#extensionBytes > MAX_EXTENSION_BYTES) {
      throw new MessageError(413, 'chunk_extensions', 'the chunk extensions are too long')
    }
    const state = this.#state
    if (state === QUOTED_PAIR) {
      if (VALUE[c] === 0) throw badExtension()
      this.#state = QUOTED
    } else if (state === QUOTED) {
      if (c === QUOTE) this.#state = AFTER_QUOTED
      else if (c === BACKSLASH) this.#state = QUOTED_PAIR
      else if (VALUE[c] === 0) throw badExtension()
    } else if (c === SEMICOLON || c === CR) {
      if (this.#elementBytes === 0 && (state === EXTENSION_NAME || state === EXTENSION_VALUE))
        throw badExtension()
      this.#elementBytes = 0
      this.#state = c === CR ? SIZE_LF : EXTENSION_NAME
    } else if (c === EQUALS && state === EXTENSION_NAME && this.#elementBytes > 0) {
      this.#elementBytes = 0
      this.#state = EXTENSION_VALUE
    } else if (c === QUOTE && state === EXTENSION_VALUE && this.#elementBytes === 0) this.#state = QUOTED
    else if (TOKEN_LOWER[c] !== 0 && state !== AFTER_QUOTED) this.#elementBytes++
    else throw badExtension()
  }

  #readTrailers(bytes: Buffer, at: number): number {
    // Nearly always there are none.
    if (this.#block.length === 0 && bytes[at] === CR && at + 1 < bytes.length && bytes[at + 1] === LF) {
      this.#state = DONE
      return at + 2
    }
    const block = this.#block
    const { maxBytes, maxFields } = this.#trailerLimits
    const taken = block.add(bytes, at, maxBytes)
    if (block.complete) {
      TRAILER_LINES.scan(block.bytes, 0, block.length, maxFields)
      TRAILER_TEXT.set(block.bytes, 0, block.length)
      this.trailers = readTrailers(TRAILER_TEXT, TRAILER_LINES)
      block.clear()
      this.#state = DONE
    } else if (block.length === maxBytes) {
      throw new MessageError(431, 'trailers_too_large', `the trailers are above ${maxBytes} bytes`)
    }
    return at + taken
  }
}

function badExtension(): MessageError {
  return malformed('chunk_extension', 'a chunk extension must be ;name or ;name=value')
}
