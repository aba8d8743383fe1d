import type { Socket } from 'node:net'
import { monotonicClock, type Clock } from '../../core/clock.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { TcpKeepAlive } from '../model/keep-alive.ts'
import { SocketTransport } from '../transport/socket-transport.ts'
import type { TransportReader } from '../transport/transport.ts'

export interface RelayEnd {
  /** From a to b, and from b to a. */
  readonly sent: number
  readonly received: number
  /** The first error, or undefined after both sides ended in order. */
  readonly error: Error | undefined
  /** The side that broke, where there is an error. */
  readonly brokenBy: 'a' | 'b' | undefined
  /** Neither side moved for the idle time. */
  readonly idle: boolean
}

/**
 * Copies bytes both ways until both ends are through. A FIN is passed on by itself (half-close), a
 * broken connection breaks the other, and each side's pace holds the other back. Nobody else may use the sockets.
 */
export function relay(a: Socket, b: Socket, options: RelayOptions, done: (end: RelayEnd) => void): void {
  const path = new Relay(a, b, options, done)
  path.start()
}

export interface RelayOptions {
  /** 0: none. Milliseconds. */
  readonly idleTimeoutMs?: number
  /** Of b, where it is not as of any socket. */
  readonly keepAlive?: TcpKeepAlive
  /** Monotonic. */
  readonly clock?: Clock
}

// For a peer to take anything of what is left when the other has gone.
const LINGER_MS = 30_000

class Relay {
  readonly #a: Side
  readonly #b: Side
  readonly #clock: Clock
  readonly #idleTimeoutMs: number
  readonly #done: (end: RelayEnd) => void
  #open = 2
  #error: Error | undefined
  #brokenBy: RelayEnd['brokenBy']
  #idle = false
  #cancelIdle: (() => void) | undefined
  #cancelLinger: (() => void) | undefined

  constructor(
    a: Socket,
    b: Socket,
    { idleTimeoutMs = 0, keepAlive, clock = monotonicClock }: RelayOptions,
    done: (end: RelayEnd) => void,
  ) {
    this.#clock = clock
    this.#a = new Side(this, a, clock)
    this.#b = new Side(this, b, clock, keepAlive)
    this.#idleTimeoutMs = idleTimeoutMs
    this.#done = done
  }

  start(): void {
    if (this.#idleTimeoutMs > 0) this.#watchIdle(this.#idleTimeoutMs)
    this.#a.start(this.#b)
    this.#b.start(this.#a)
  }

  #watchIdle(leftMs: number): void {
    this.#cancelIdle = this.#clock.after(leftMs, () => {
      const movedAt = Math.max(this.#a.movedAt, this.#b.movedAt)
      const left = movedAt + this.#idleTimeoutMs - this.#clock.now()
      if (left > 0) return this.#watchIdle(left)
      this.#idle = true
      this.#a.transport.destroy()
      this.#b.transport.destroy()
    })
  }

  /** The last of the two has what is left to give, as long as it is taken. */
  #lingerFor(transport: SocketTransport): void {
    const { taken } = transport
    this.#cancelLinger = this.#clock.after(LINGER_MS, () => {
      if (transport.taken === taken) transport.destroy()
      else this.#lingerFor(transport)
    })
  }

  closed(side: Side, error: Error | undefined): void {
    if (error && !this.#error) {
      this.#error = error
      this.#brokenBy = side === this.#a ? 'a' : 'b'
    }
    // A reset is passed on as one. What ended in order before it broke is still delivered whole, with its FIN.
    const other = side === this.#a ? this.#b : this.#a
    if (!side.ended) other.transport.abort()
    else other.transport.close()
    if (--this.#open > 0) {
      this.#lingerFor(other.transport)
      return
    }
    this.#cancelIdle?.()
    this.#cancelLinger?.()
    this.#done({
      sent: this.#a.bytes,
      received: this.#b.bytes,
      error: this.#error,
      brokenBy: this.#brokenBy,
      idle: this.#idle,
    })
  }
}

/** One of the two connections, as it is read. */
class Side implements TransportReader {
  readonly awaitsPeer = true
  readonly transport: SocketTransport
  /** That came from it. */
  bytes = 0
  /** It has sent its FIN. */
  ended = false
  /** When bytes came from it last, or were taken by it, on the clock. */
  movedAt: number
  readonly #clock: Clock
  readonly #relay: Relay
  #to!: Side

  constructor(path: Relay, socket: Socket, clock: Clock, keepAlive?: TcpKeepAlive) {
    this.#relay = path
    this.#clock = clock
    this.movedAt = clock.now()
    this.transport = new SocketTransport(socket, keepAlive)
    // A slow reader may still take what came long ago.
    this.transport.onTaken = () => {
      this.movedAt = clock.now()
    }
  }

  start(to: Side): void {
    this.#to = to
    this.transport.reader = this
  }

  onData(chunk: Buffer): void {
    this.bytes += chunk.length
    this.movedAt = this.#clock.now()
    const to = this.#to.transport
    to.write(chunk)
    if (to.congested) this.transport.pause()
  }

  onWritable(): void {
    this.#to.transport.resume()
  }

  onEnd(): void {
    this.ended = true
    this.#to.transport.end()
  }

  onClose(error: Error | undefined): void {
    this.#relay.closed(this, error)
  }
}

/** Of an opaque connection whose caller is side a: response flags and code details. */
export function outcomeOf({ error, brokenBy, idle }: RelayEnd): { flags: number; details: string } {
  if (idle) return { flags: ResponseFlag.SI, details: 'idle_timeout' }
  if (!error) return { flags: 0, details: 'closed' }
  return brokenBy === 'a'
    ? { flags: ResponseFlag.DC, details: `downstream_remote_disconnect{${error.message}}` }
    : { flags: ResponseFlag.UC, details: `connection_termination{${error.message}}` }
}
