import type { Fields } from '../http/message.ts'
import type { Transport } from '../transport/transport.ts'
import { fieldLines } from './write-head.ts'

type Mode = 'none' | 'length' | 'chunked' | 'close'

/** Puts a body into its framing. False from a call: the message cannot be finished as its head promised. */
export class BodyEncoder {
  #mode: Mode = 'none'
  #remaining = 0

  /** `length`: what Content-Length said. */
  start(mode: Mode, length = 0): void {
    this.#mode = mode
    this.#remaining = length
  }

  get untilClose(): boolean {
    return this.#mode === 'close'
  }

  data(transport: Transport, chunk: Uint8Array): boolean {
    switch (this.#mode) {
      case 'none':
        return false
      case 'length':
        this.#remaining -= chunk.length
        if (this.#remaining < 0) return false
        transport.write(chunk)
        return true
      case 'chunked':
        transport.writeLatin1(chunk.length.toString(16) + '\r\n')
        transport.write(chunk)
        transport.writeLatin1('\r\n')
        return true
      case 'close':
        transport.write(chunk)
        return true
    }
  }

  end(transport: Transport, trailers: Fields | undefined): boolean {
    const mode = this.#mode
    this.#mode = 'none'
    if (mode === 'length') return this.#remaining === 0
    if (mode === 'chunked') {
      const lines = trailers ? fieldLines(trailers) : ''
      transport.writeLatin1(lines ? `0\r\n${lines}\r\n` : '0\r\n\r\n')
    }
    return true
  }
}
