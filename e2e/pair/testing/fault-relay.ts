import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { resetSocket } from '../../../proxy/transport/reset-socket.ts'
import { portOf } from './pair.ts'

/** What happens to the connections that come from now on. */
export interface Fault {
  /** Which bytes are counted: the caller's, or those that come back. */
  readonly direction: 'up' | 'down'
  /** That many pass, and then the connection is cut, or held up for a moment. */
  readonly bytes: number
  /** Cut by a RST, or by a FIN without close_notify. */
  readonly reset: boolean
  /** Not cut: nothing more passes this way for so long. */
  readonly pauseMs?: number
}

/** A TCP relay in the link of a pair that cuts and holds what passes. */
export class FaultRelay {
  fault: Fault | undefined
  /** The first of these goes to the next connection; `fault` to those after the last. */
  readonly faults: (Fault | undefined)[] = []
  /** Connections that a fault has cut. */
  cuts = 0
  readonly #server: Server
  readonly #target: number
  readonly #pairs = new Set<readonly [Socket, Socket]>()

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#carry(socket))
  }

  static async start(target: number): Promise<FaultRelay> {
    const relay = new FaultRelay(target)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  get port(): number {
    return portOf(this.#server)
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Cuts every connection that is open. */
  cutAll(reset: boolean): void {
    for (const pair of this.#pairs) cut(pair, reset)
  }

  /** Nothing passes until `release`. */
  hold(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  release(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
  }

  close(): void {
    this.cutAll(true)
    this.#server.close()
  }

  #carry(down: Socket): void {
    const up = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const pair = [down, up] as const
    this.#pairs.add(pair)
    for (const socket of pair) socket.on('error', () => {})
    const fault = this.faults.length > 0 ? this.faults.shift() : this.fault
    let left = fault?.bytes ?? Infinity
    if (fault && left === 0 && fault.pauseMs === undefined) {
      this.cuts++
      return cut(pair, fault.reset, () => this.#pairs.delete(pair))
    }
    const copy = (from: Socket, to: Socket, counted: boolean): void => {
      from.on('data', (chunk: Buffer) => {
        const passes = counted ? chunk.subarray(0, left) : chunk
        if (counted) left -= passes.length
        if (passes.length > 0 && !to.write(passes)) from.pause()
        if (!counted || left > 0 || !fault) return
        if (fault.pauseMs !== undefined) {
          left = Infinity
          from.pause()
          from.unshift(chunk.subarray(passes.length))
          setTimeout(() => from.resume(), fault.pauseMs)
          return
        }
        this.cuts++
        cut(pair, fault.reset)
      })
      to.on('drain', () => from.resume())
      from.on('end', () => to.end())
      from.on('close', (failed: boolean) => {
        if (failed) resetSocket(to)
        else to.destroySoon()
        this.#pairs.delete(pair)
      })
    }
    copy(down, up, fault?.direction === 'up')
    copy(up, down, fault?.direction === 'down')
  }
}

function cut([down, up]: readonly [Socket, Socket], reset: boolean, then?: () => void): void {
  for (const socket of [down, up]) {
    if (reset) resetSocket(socket)
    else socket.destroySoon()
  }
  then?.()
}
