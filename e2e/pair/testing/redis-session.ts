import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A reply of RESP2: a text, a number, nothing, an error as Error, or a list of those. */
export type Reply = string | number | null | Error | Reply[]

/** A connection to Redis, as bare as its protocol: commands go when they are given, replies come in order. */
export class RedisSession {
  readonly #socket: Socket
  #bytes: Buffer = Buffer.alloc(0)
  #parts: Buffer[] = []
  #waiting: ((reply: Reply) => void)[] = []
  /** Replies that nobody waited for: what a subscriber is told. */
  readonly #extra: Reply[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#parts.push(chunk)
      // A large reply is not looked at with each of its pieces.
      if (chunk.at(-1) === 0x0a) this.#read()
    })
  }

  static async open(port: number): Promise<RedisSession> {
    const socket = connect({ port, host: '127.0.0.1' })
    await once(socket, 'connect')
    return new RedisSession(socket)
  }

  async send(...words: string[]): Promise<Reply> {
    const text = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')
    this.#socket.write(`*${words.length}\r\n${text}`)
    return this.next()
  }

  next(): Promise<Reply> {
    const extra = this.#extra.shift()
    if (extra !== undefined) return Promise.resolve(extra)
    return new Promise((resolve) => void this.#waiting.push(resolve))
  }

  async close(): Promise<void> {
    this.#socket.end()
    await once(this.#socket, 'close')
  }

  #read(): void {
    this.#bytes = Buffer.concat([this.#bytes, ...this.#parts])
    this.#parts = []
    let at = 0
    for (;;) {
      const parsed = parse(this.#bytes, at)
      if (parsed === undefined) break
      at = parsed.to
      const wait = this.#waiting.shift()
      if (wait) wait(parsed.reply)
      else this.#extra.push(parsed.reply)
    }
    this.#bytes = this.#bytes.subarray(at)
  }
}

function parse(bytes: Buffer, at: number): { reply: Reply; to: number } | undefined {
  const end = bytes.indexOf('\r\n', at)
  if (end < 0) return undefined
  const line = bytes.toString('utf8', at + 1, end)
  const to = end + 2
  switch (String.fromCharCode(bytes[at] as number)) {
    case '+':
      return { reply: line, to }
    case '-':
      return { reply: new Error(line), to }
    case ':':
      return { reply: Number(line), to }
    case '$': {
      const size = Number(line)
      if (size < 0) return { reply: null, to }
      if (bytes.length < to + size + 2) return undefined
      return { reply: bytes.toString('utf8', to, to + size), to: to + size + 2 }
    }
    default: {
      const list: Reply[] = []
      let from = to
      for (let i = 0; i < Number(line); i++) {
        const item = parse(bytes, from)
        if (item === undefined) return undefined
        list.push(item.reply)
        from = item.to
      }
      return { reply: list, to: from }
    }
  }
}
