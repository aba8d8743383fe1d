import { createServer, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'

/** The `ws` package's server, which echoes messages as they came. */
export class EchoServer {
  readonly http: Server
  /** Close codes that clients sent, in their order; 1006 for a connection that broke. */
  readonly closes: number[] = []
  readonly sockets = new Set<WebSocket>()
  readonly #server = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('echo') ? 'echo' : false),
  })
  #watch: (() => void)[] = []

  constructor() {
    this.http = createServer((message, response) => {
      if (message.url === '/hang') return
      response.statusCode = 426
      response.end('upgrade')
    })
    this.http.on('upgrade', (message, socket: Duplex, head: Buffer) => {
      if (message.url === '/refused')
        return void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno')
      this.#server.handleUpgrade(message, socket, head, (opened) => this.#serve(opened))
    })
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => void this.#watch.push(resolve))
  }

  #serve(socket: WebSocket): void {
    this.sockets.add(socket)
    this.#changed()
    socket.on('message', (message: Buffer, isBinary: boolean) => socket.send(message, { binary: isBinary }))
    socket.on('error', () => {})
    socket.on('close', (code: number) => {
      this.sockets.delete(socket)
      this.closes.push(code)
      this.#changed()
    })
  }

  #changed(): void {
    for (const watch of this.#watch.splice(0)) watch()
  }
}
