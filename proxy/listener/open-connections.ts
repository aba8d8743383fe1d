import type { ServerConnection } from '../http/stream.ts'
import type { Transport } from '../transport/transport.ts'
import type { OpenTcp } from './open-tcp.ts'

/** How the output of a connection moves. */
interface Flow {
  readonly transport: Transport
  /** At the last sweep that saw it move, and when that was. */
  taken: number
  movedAt: number
  readonly limitMs: number
}

/** What is open at one side of the proxy, so that it can be drained, ended and given up. */
export class OpenConnections {
  readonly #http = new Map<ServerConnection, Flow>()
  readonly #tcp = new Set<OpenTcp>()
  #draining = false

  /** Requests and opaque connections running now. */
  get active(): number {
    let active = this.#tcp.size
    for (const connection of this.#http.keys()) active += connection.active
    return active
  }

  get tcp(): Iterable<OpenTcp> {
    return this.#tcp
  }

  get size(): number {
    return this.#http.size + this.#tcp.size
  }

  /** `limitMs`: how long it may take nothing of what it is sent; 0: for ever. */
  addHttp(connection: ServerConnection, transport: Transport, limitMs: number, nowMs: number): void {
    this.#http.set(connection, { transport, taken: 0, movedAt: nowMs, limitMs })
    if (this.#draining) connection.drain()
  }

  deleteHttp(connection: ServerConnection): void {
    this.#http.delete(connection)
  }

  addTcp(connection: OpenTcp): void {
    this.#tcp.add(connection)
  }

  deleteTcp(connection: OpenTcp): void {
    this.#tcp.delete(connection)
  }

  /** Asks every HTTP peer to go elsewhere, and those that come from now on. */
  drain(): void {
    this.#draining = true
    for (const connection of [...this.#http.keys()]) connection.drain()
  }

  destroy(): void {
    for (const connection of [...this.#http.keys()]) connection.destroy()
    for (const { socket } of [...this.#tcp]) socket.destroy()
  }

  /**
   * Gives up clients that take nothing of their answers, for as long as a stream may be idle; returns how many. A
   * running request is watched by itself; this is for what is left of it in our buffers after its end.
   */
  sweep(nowMs: number): number {
    let stalled = 0
    for (const [connection, flow] of this.#http) {
      if (flow.limitMs === 0) continue
      connection.sweep?.(nowMs, flow.limitMs)
      const taken = flow.transport.taken ?? 0
      if (flow.transport.pending === 0 || taken !== flow.taken) {
        flow.taken = taken
        flow.movedAt = nowMs
      } else if (nowMs - flow.movedAt >= flow.limitMs) {
        stalled++
        connection.destroy('stalled')
      }
    }
    return stalled
  }
}
