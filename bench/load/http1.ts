import type { Socket } from 'node:net'
import type { Caller } from './connect.ts'
import type { Meter } from './meter.ts'

const HEAD_END = Buffer.from('\r\n\r\n')

/** One request after the other on one connection; each answer's status, length and body are checked. */
export class Http1Caller implements Caller {
  readonly #meter: Meter
  readonly #size: number
  readonly #request: Buffer
  #socket!: Socket
  #began = 0
  #first = true
  /** Bytes of head that came without their end. */
  #head: Buffer | undefined
  /** Bytes of body that are still to come; -1: the head is. */
  #left = -1
  /** The last head that was read in full: most are equal to it. */
  #known: Buffer = Buffer.alloc(0)

  /** `fields`: more of the request's head, each with its line's end. */
  constructor(meter: Meter, size: number, fields = '') {
    this.#meter = meter
    this.#size = size
    this.#request = Buffer.from(
      `GET /bytes/${size} HTTP/1.1\r\nHost: catalog.shop\r\nUser-Agent: load/1\r\nAccept: */*\r\n` +
        'Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\n' +
        `${fields}\r\n`,
    )
  }

  onConnect(socket: Socket): void {
    this.#socket = socket
    this.#ask()
  }

  onBytes(bytes: Buffer): void {
    let from = 0
    if (this.#left < 0) {
      from = this.#readHead(bytes)
      if (from < 0) return
    }
    const count = bytes.length - from
    if (count === 0 && this.#left > 0) return
    if (count > this.#left) return this.#meter.wrong(`${count - this.#left} bytes more than announced`)
    // The origin's bodies are all one letter: a look at both ends of a read finds what was shifted or cut.
    if (bytes[from] !== 0x78 || bytes[bytes.length - 1] !== 0x78)
      return this.#meter.wrong('a body holds something else than the origin sent')
    this.#left -= count
    this.#meter.received(count)
    if (this.#left > 0) return
    this.#left = -1
    this.#meter.finished(performance.now() - this.#began, this.#first)
    this.#first = false
    this.#ask()
  }

  onClose(reason: string): void {
    this.#meter.wrong(reason)
  }

  #ask(): void {
    if (this.#meter.stopped) return
    this.#began = performance.now()
    this.#socket.write(this.#request)
  }

  /** Index after the head, or -1 when it is not complete. */
  #readHead(bytes: Buffer): number {
    const known = this.#known.length
    if (
      !this.#head &&
      known > 0 &&
      bytes.length >= known &&
      bytes.compare(this.#known, 0, known, 0, known) === 0
    ) {
      this.#left = this.#size
      return known
    }
    const before = this.#head?.length ?? 0
    const all = this.#head ? Buffer.concat([this.#head, bytes]) : bytes
    const end = all.indexOf(HEAD_END)
    if (end < 0) {
      this.#head = Buffer.from(all)
      if (all.length > 16_384) this.#meter.wrong('a head without an end')
      return -1
    }
    this.#head = undefined
    const text = all.latin1Slice(0, end + 2)
    if (!text.startsWith('HTTP/1.1 200 ')) this.#meter.wrong(`the proxy answers ${text.split('\r\n', 1)[0]}`)
    else if (!new RegExp(`\\r\\ncontent-length: ${this.#size}\\r\\n`, 'i').test(text))
      this.#meter.wrong(`an answer without content-length: ${this.#size}`)
    this.#known = Buffer.from(all.subarray(0, end + 4))
    this.#left = this.#size
    return end + 4 - before
  }
}
