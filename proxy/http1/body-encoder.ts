import type { Fields } from '../http/message.ts'
import type { Transport } from '../transport/transport.ts'
import { trailerText } from './head-writer.ts'

const NONE = 0
const LENGTH = 1
const CHUNKED = 2
const RAW = 3

// Up to this a chunk goes into the buffer together with its frame.
const JOINED_BYTES = 8 * 1024
const LONGEST_FRAME = 12
const DIGITS = Buffer.from('0123456789abcdef')
const CRLF = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** Puts a body into its framing. False from a call: the message cannot become what its head promised. */
export class BodyEncoder {
  #mode = NONE
  #remaining = 0

  /** No body follows; what is given is dropped (HEAD). */
  startNone(): void {
    this.#mode = NONE
  }

  startLength(bytes: number): void {
    this.#mode = LENGTH
    this.#remaining = bytes
  }

  startChunked(): void {
    this.#mode = CHUNKED
  }

  /** Bytes as they are, until the connection ends. */
  startRaw(): void {
    this.#mode = RAW
  }

  data(transport: Transport, chunk: Uint8Array): boolean {
    if (chunk.length === 0) return true
    switch (this.#mode) {
      case NONE:
        return true
      case LENGTH:
        if (chunk.length > this.#remaining) return false
        this.#remaining -= chunk.length
        transport.write(chunk)
        return true
      case CHUNKED:
        writeChunk(transport, chunk)
        return true
      default:
        transport.write(chunk)
        return true
    }
  }

  end(transport: Transport, trailers: Fields | undefined): boolean {
    const mode = this.#mode
    this.#mode = NONE
    if (mode === LENGTH) return this.#remaining === 0
    if (mode !== CHUNKED) return true
    if (trailers === undefined) {
      transport.write(LAST_CHUNK)
      return true
    }
    const text = trailerText(trailers)
    if (text === undefined) return false
    transport.writeLatin1(`0\r\n${text}\r\n`)
    return true
  }
}

function writeChunk(transport: Transport, chunk: Uint8Array): void {
  const length = chunk.length
  const joined = length <= JOINED_BYTES
  const { buffer, at } = transport.reserve(joined ? length + LONGEST_FRAME : LONGEST_FRAME)
  let digits = 1
  for (let rest = length >>> 4; rest !== 0; rest >>>= 4) digits++
  let pos = at + digits
  for (let i = pos - 1, rest = length; i >= at; i--, rest >>>= 4) buffer[i] = DIGITS[rest & 15] as number
  buffer[pos++] = 13
  buffer[pos++] = 10
  if (!joined) {
    transport.commit(pos - at)
    transport.write(chunk)
    transport.write(CRLF)
    return
  }
  buffer.set(chunk, pos)
  pos += length
  buffer[pos++] = 13
  buffer[pos++] = 10
  transport.commit(pos - at)
}
