import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** Stands between a client and the API server, and can go silent as a network does: without a FIN or RST. */
export class Relay {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  readonly #frozen = new Set<Socket>()
  #allFrozen = false

  constructor(port: number) {
    this.#server = createServer((client) => {
      const server = connect(port, '127.0.0.1')
      const pair = [client, server] as const
      this.#pairs.add(pair)
      for (const [from, to] of [pair, [server, client] as const]) {
        from.on('data', (bytes) => {
          // What comes in silence is lost, as on a path that drops it.
          if (!this.#allFrozen && !this.#frozen.has(from)) to.write(bytes)
        })
        from.on('error', () => to.destroy())
        from.on('close', () => {
          if (!this.#allFrozen && !this.#frozen.has(from)) to.destroy()
          this.#frozen.delete(from)
          // The other side of a frozen one is still there to be cut.
          if (to.destroyed) this.#pairs.delete(pair)
        })
      }
    })
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections that are open say nothing any more; new ones are fine. */
  freezeOpen(): void {
    for (const socket of [...this.#pairs].flat()) this.#frozen.add(socket)
  }

  /** Nothing gets through, on new connections neither, until `thaw`. */
  freeze(): void {
    this.#allFrozen = true
  }

  /** What was open stays silent: bytes are missing in it. */
  thaw(): void {
    this.freezeOpen()
    this.#allFrozen = false
  }

  /** Resets every connection. */
  cut(): void {
    for (const socket of [...this.#pairs].flat()) socket.resetAndDestroy()
  }

  close(): void {
    this.cut()
    this.#server.close()
  }
}
