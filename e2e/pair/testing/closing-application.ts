import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { portOf } from './pair.ts'

/** When and how an application ends its connections. */
export interface Closing {
  /** So long after an answer, in ms; another time for each, between the two. */
  readonly betweenMs: readonly [number, number]
  /** `half`: a FIN, and what comes afterwards is read and never answered. `close`: what comes afterwards is a RST. */
  readonly how: 'half' | 'close' | 'reset'
  /** Value of a `keep-alive` field of its answers. */
  readonly announces?: string
  /** It ends a connection right behind the answer to this many requests, and does not announce that. */
  readonly requests?: number
}

const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n'

/** An application on loopback that ends its connections without a word. It takes requests without a body. */
export class ClosingApplication {
  /** How often each method and path was read. */
  readonly read = new Map<string, number>()
  connections = 0
  readonly #server: Server
  readonly #closing: Closing

  private constructor(closing: Closing) {
    this.#closing = closing
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#serve(socket))
  }

  static async start(closing: Closing): Promise<ClosingApplication> {
    const application = new ClosingApplication(closing)
    await once(application.#server.listen(0, '127.0.0.1'), 'listening')
    return application
  }

  get port(): number {
    return portOf(this.#server)
  }

  /** Writes that it read more than once. */
  get repeated(): string[] {
    return [...this.read]
      .filter(([what, times]) => what.startsWith('POST') && times > 1)
      .map(([what]) => what)
  }

  close(): void {
    this.#server.close()
  }

  #serve(socket: Socket): void {
    const { announces, betweenMs, how, requests } = this.#closing
    let text = ''
    let answered = 0
    let timer: NodeJS.Timeout | undefined
    let ending = false
    this.connections++
    const close = (): void => {
      ending = true
      if (how === 'half') socket.end()
      else if (how === 'close') socket.destroySoon()
      else socket.resetAndDestroy()
    }
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => clearTimeout(timer))
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end < 0 || ending) return
      clearTimeout(timer)
      const request = text.slice(0, text.indexOf(' HTTP'))
      this.read.set(request, (this.read.get(request) ?? 0) + 1)
      text = text.slice(end + 4)
      socket.write(`${ANSWER}${announces === undefined ? '' : `keep-alive: ${announces}\r\n`}\r\nok`)
      if (++answered === requests) return close()
      const [least, most] = betweenMs
      const mine = answered
      // What is here by then was in time, however busy the machine.
      const closeUnlessAsked = (): void => void setImmediate(() => answered === mine && close())
      timer = setTimeout(closeUnlessAsked, least + Math.random() * (most - least))
    })
  }
}
