import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { Teardown } from '../pair/testing/pair.ts'

const REQUEST = /^(?:[A-Z-]+ \S+ HTTP\/1\.1\r\n)/

/** What an application saw of what was let in. */
export class Application {
  /** First lines of requests, in the order in which they came. */
  requests: string[] = []
  /** Connections of bytes that it got a byte of. */
  connections = 0
  readonly #sockets = new Set<Socket>()
  #servers: Server[] = []

  /** Answers requests with 200 on all of these ports, and gives back bytes that are none. Requests have no bodies. */
  static async listen(t: Teardown, host: string, ports: readonly number[]): Promise<Application> {
    const application = new Application()
    for (const port of ports) {
      const server = createServer((socket) => application.#serve(socket))
      application.#servers.push(server)
      await once(server.listen(port, host), 'listening')
    }
    t.teardown(() => {
      for (const server of application.#servers) server.close()
      application.drop()
    })
    return application
  }

  /** Ends the connections that it has. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    let came = ''
    let bytes = false
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      came += chunk.toString('latin1')
      if (!bytes && !REQUEST.test(came)) {
        bytes = true
        this.connections++
      }
      if (bytes) {
        socket.write(chunk)
        return
      }
      for (;;) {
        const end = came.indexOf('\r\n\r\n')
        if (end < 0) return
        this.requests.push(came.slice(0, came.indexOf('\r\n')))
        came = came.slice(end + 4)
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      }
    })
  }
}
