import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { connected } from '../../../core/testing/connected.ts'

/** One end of a connection, byte by byte: what it is sent gathers until a test wants to see it. */
export class RawConnection {
  readonly socket: Socket
  text = ''
  ended = false
  closed = false
  #watch: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1')
      this.#changed()
    })
    socket.on('end', () => {
      this.ended = true
      this.#changed()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      this.#changed()
    })
  }

  write(text: string): void {
    this.socket.write(text, 'latin1')
  }

  end(text = ''): void {
    this.socket.end(text, 'latin1')
  }

  /** Takes what came up to and with the first match of `pattern`, when it is there. Rejects where the other side ends before. */
  async take(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.text)
      if (match) {
        const to = match.index + match[0].length
        const taken = this.text.slice(0, to)
        this.text = this.text.slice(to)
        return taken
      }
      if (this.ended || this.closed) throw new Error(`ended, with ${JSON.stringify(this.text)}`)
      await new Promise<void>((resolve) => void this.#watch.push(resolve))
    }
  }

  async untilEnd(): Promise<string> {
    while (!this.ended && !this.closed) await new Promise<void>((resolve) => void this.#watch.push(resolve))
    return this.text
  }

  #changed(): void {
    for (const wake of this.#watch.splice(0)) wake()
  }
}

/** Connects to a port of loopback. */
export async function dial(port: number): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const connection = new RawConnection(socket)
  await connected(socket)
  return connection
}

/** A server application whose connections a test plays, in the order in which they come. */
export class RawServer {
  readonly server: Server
  readonly #connections: RawConnection[] = []
  #watch: (() => void)[] = []
  /** All that ever came. */
  count = 0

  private constructor(server: Server) {
    this.server = server
    server.on('connection', (socket: Socket) => {
      this.#connections.push(new RawConnection(socket))
      this.count++
      for (const wake of this.#watch.splice(0)) wake()
    })
  }

  static async listen(): Promise<RawServer> {
    const server = createServer({ allowHalfOpen: true })
    const raw = new RawServer(server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return raw
  }

  /** The next connection that no test has taken. */
  async accept(): Promise<RawConnection> {
    for (;;) {
      const connection = this.#connections.shift()
      if (connection) return connection
      await new Promise<void>((resolve) => void this.#watch.push(resolve))
    }
  }
}
