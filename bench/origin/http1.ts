import type { Socket } from 'node:net'

const HEAD_END = Buffer.from('\r\n\r\n')
const CHUNK = Buffer.alloc(64 * 1024, 'x')
const PATH = /^GET \/bytes\/(\d+) HTTP\/1\.1\r\n/

/** Heads and, where it is small, the body behind, by size. */
const answers = new Map<number, Buffer>()

function answerOf(size: number): Buffer {
  const known = answers.get(size)
  if (known) return known
  const head =
    'HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nCache-Control: no-cache\r\n' +
    `Date: ${new Date().toUTCString()}\r\nETag: W/"400-2jmj7l5rSw0yVb"\r\nContent-Length: ${size}\r\n\r\n`
  const answer = Buffer.concat([Buffer.from(head), Buffer.alloc(size <= CHUNK.length ? size : 0, 'x')])
  answers.set(size, answer)
  return answer
}

/** An application that answers `GET /bytes/N` with N bytes, one request at a time on a connection. */
export class Http1Origin {
  readonly #socket: Socket
  #head: Buffer | undefined
  #known: Buffer = Buffer.alloc(0)
  #size = 0
  #left = 0

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('drain', () => this.#send())
  }

  onBytes(chunk: Buffer): void {
    if (!this.#head && chunk.equals(this.#known)) return this.#answer()
    const bytes = this.#head ? Buffer.concat([this.#head, chunk]) : chunk
    const end = bytes.indexOf(HEAD_END)
    if (end < 0) {
      this.#head = Buffer.from(bytes)
      return
    }
    this.#head = undefined
    const size = PATH.exec(bytes.latin1Slice(0, end + 2))?.[1]
    if (size === undefined || end + 4 !== bytes.length) {
      this.#socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      return
    }
    this.#size = Number(size)
    this.#known = Buffer.from(bytes)
    this.#answer()
  }

  #answer(): void {
    this.#socket.write(answerOf(this.#size))
    if (this.#size <= CHUNK.length) return
    this.#left = this.#size
    this.#send()
  }

  #send(): void {
    while (this.#left > 0) {
      const part = this.#left < CHUNK.length ? CHUNK.subarray(0, this.#left) : CHUNK
      this.#left -= part.length
      if (!this.#socket.write(part)) return
    }
  }
}
