import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a server does to one request. */
export type Behaviour =
  | 'ok'
  | '500'
  | '503'
  /** Answers after 20 ms. */
  | 'slow'
  /** Never answers. */
  | 'hang'
  /** Takes the request and closes the connection. */
  | 'reset'
  /** Begins an answer and closes the connection. */
  | 'half'
  /** Answers, and closes the connection right after, without a word: whoever sends next meets its end. */
  | 'close-after'

const SLOW_MS = 20

/** An application that fails as it is told, with a ledger of what reached it: each request has `x-id`. */
export class FaultyServer {
  /** Of the next request. */
  behave: () => Behaviour = () => 'ok'
  /** How often a request reached it, by its id. */
  readonly ledger: Map<string, number>
  readonly #server: Server
  #port = 0

  /** `ledger`: of all servers that could get the same request. */
  constructor(ledger: Map<string, number>) {
    this.ledger = ledger
    this.#server = createServer((request, response) => this.#answer(request, response))
    // As Node has it; shorter than the sidecar believes would make a race of its own.
    this.#server.keepAliveTimeout = 5000
  }

  get port(): number {
    return this.#port
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** As an application that crashes: connections end under whatever runs on them, and none comes about. */
  async crash(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const id = String(request.headers['x-id'])
    this.ledger.set(id, (this.ledger.get(id) ?? 0) + 1)
    request.on('error', () => {})
    response.on('error', () => {})
    const behaviour = this.behave()
    if (behaviour === 'reset') return void request.socket.destroy()
    request.resume()
    request.once('end', () => this.#end(behaviour, response))
  }

  #end(behaviour: Behaviour, response: ServerResponse): void {
    const { socket } = response
    switch (behaviour) {
      case 'hang':
      case 'reset':
        return
      case 'half':
        response.writeHead(200, { 'content-length': '100' }).write('half', () => socket?.destroy())
        return
      case 'slow':
        setTimeout(() => response.end('ok'), SLOW_MS)
        return
      case 'close-after':
        response.end('ok', () => setImmediate(() => socket?.destroy()))
        return
      case 'ok':
        response.end('ok')
        return
      case '500':
      case '503':
        response.writeHead(Number(behaviour)).end(behaviour)
    }
  }
}
