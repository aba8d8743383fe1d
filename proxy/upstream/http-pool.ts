import type { Clock } from '../../core/clock.ts'
import type { ClientConnection, ClientHandler } from '../http/stream.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { CircuitBreakers } from './circuit-breakers.ts'
import { ENDPOINT_REMOVED, type ConnectFailure, type Connected } from './connector.ts'
import type { ConnectionRoom, RoomUser } from './connection-room.ts'
import { KeepAliveHabit } from './keep-alive-habit.ts'

/**
 * Which HTTP/1.1 connections may carry a request, since a server may be closing any that waits: all of them, those that
 * waited for so short a time that it is not, or only one made for it.
 */
export type Reuse = 'any' | 'safe' | 'none'

/** Somebody who wants to open a stream. Exactly one of the two is called, once, unless cancelled. */
export interface PoolWaiter {
  /** `any` where it is not there. */
  readonly reuse?: Reuse
  onConnection(connection: PooledConnection): void
  onConnectFailure(failure: ConnectFailure): void
  /** No connection came about in a part of a second: who can goes elsewhere, by `cancel`. */
  onSlowConnect?(): void
}

export interface PoolOptions {
  /** For connections of all pools of the endpoint. */
  readonly room: ConnectionRoom
  /** Of the cluster: how many may wait. */
  readonly breakers: CircuitBreakers
  /** Connections are expected to carry many streams, until the first one shows otherwise. */
  readonly multiplexed: boolean
  readonly open: OpenConnection
  readonly clock: Clock
  /** What is known of the server's. */
  readonly habit?: KeepAliveHabit
  /** See HealthSignal.signOfLife. */
  readonly signOfLife?: (came: boolean) => void
  /** See RoomUser. */
  readonly kept?: boolean
}

/** Starts a connection; `done` once, never synchronously; `slow` if it has not come about in a part of a second. */
export type OpenConnection = (
  handler: ClientHandler,
  done: (
    codec: ClientConnection | undefined,
    connected: Connected | undefined,
    failure: ConnectFailure | undefined,
  ) => void,
  slow: () => void,
) => { cancel(): void }

/** A connection in a pool, with who answered on it. */
export class PooledConnection implements ClientHandler {
  codec!: ClientConnection
  identity = ''
  alpn = ''
  ready = false
  /** When it had room last, on the pool's clock. */
  idleSince = 0
  /** It waited for work before it got its newest stream, and for how long. */
  waited = false
  waitedMs = 0
  readonly #pool: HttpPool

  constructor(pool: HttpPool) {
    this.#pool = pool
  }

  onChange(): void {
    this.#pool.changed(this)
  }

  onSilent(): void {
    this.#pool.signOfLife(false)
  }
}

/** A connection that waited for less is as new as what was read last. */
const LOOK_MS = 1

const NO_ROOM: ConnectFailure = {
  reason: 'overflow',
  flags: ResponseFlag.UO,
  details: 'upstream_overflow{pending requests}',
}

/** The HTTP connections to one endpoint, all made in the same way: reused last in, first out, grown by demand. */
export class HttpPool implements RoomUser {
  readonly kept: boolean
  readonly #open: OpenConnection
  readonly #clock: Clock
  readonly #habit: KeepAliveHabit
  /** See HealthSignal.signOfLife. */
  readonly signOfLife: (came: boolean) => void
  readonly #room: ConnectionRoom
  readonly #connections = new Set<PooledConnection>()
  /** Those that had room when last seen; the newest at the end. */
  readonly #ready: PooledConnection[] = []
  readonly #waiting: PoolWaiter[] = []
  readonly #connecting = new Set<{ cancel(): void }>()
  readonly #breakers: CircuitBreakers
  #multiplexed: boolean
  /** What the server said last of how many streams a connection takes. */
  streamsTold: number | undefined
  #closed = false
  /** Whom peers may be, since the last change of that; undefined: as the attempts to connect know it. */
  #allowed: ((identity: string) => boolean) | undefined
  /** Takes what still comes to this pool, once it is closed. */
  #successor: HttpPool | undefined

  constructor(options: PoolOptions) {
    this.#room = options.room
    this.#breakers = options.breakers
    this.#multiplexed = options.multiplexed
    this.#open = options.open
    this.#clock = options.clock
    this.#habit = options.habit ?? new KeepAliveHabit()
    this.signOfLife = options.signOfLife ?? (() => {})
    this.kept = options.kept ?? false
    this.#room.join(this)
  }

  get size(): number {
    return this.#connections.size
  }

  get idle(): boolean {
    if (this.#waiting.length > 0 || this.#connecting.size > 0) return false
    for (const connection of this.#connections) if (connection.codec.active > 0) return false
    return true
  }

  /** May call back at once: when a connection has room, when too many wait, and when the pool is closed. */
  acquire(waiter: PoolWaiter): void {
    if (this.#closed) {
      if (this.#successor) return this.#successor.acquire(waiter)
      return waiter.onConnectFailure(ENDPOINT_REMOVED)
    }
    const connection = this.#take(waiter.reuse)
    if (connection) {
      connection.waited = true
      return waiter.onConnection(connection)
    }
    if (!this.#breakers.tryPending()) return waiter.onConnectFailure(NO_ROOM)
    this.#waiting.push(waiter)
    this.grow()
  }

  cancel(waiter: PoolWaiter): void {
    const at = this.#waiting.indexOf(waiter)
    if (at >= 0) this.#takeOut(at, 1)
    else this.#successor?.cancel(waiter)
  }

  /**
   * Peers may be others from now on: connections whose peer (`identity`, as the connector gave it) is not allowed any
   * more finish what runs. Those that are being made are held to it when they are there; one that fails by its peer's
   * name is made anew, since it was held to what was allowed before.
   */
  keepPeers(allowed: (identity: string) => boolean): void {
    this.#allowed = allowed
    for (const connection of [...this.#connections])
      if (!allowed(connection.identity)) this.#retire(connection)
  }

  /**
   * A server closed a connection that had waited for work, as one does that stops: the others that wait are as old, so
   * that whoever tries again gets a new connection, and learns at once if nobody listens any more.
   */
  distrustIdle(): void {
    for (const connection of [...this.#connections])
      if (connection.codec.active === 0 && connection.codec.carried > 0) this.#retire(connection)
  }

  /** Its server closed this connection under a request, without a word of an answer. */
  closedUnder(connection: PooledConnection): void {
    const { carried, protocol } = connection.codec
    // What ended under its first request is no habit.
    if (protocol !== 'h2' && carried > 1) this.#habit.closed(connection.waitedMs, carried - 1)
  }

  /** Lets what runs finish and opens new connections for what comes: at certificate renewal. */
  renew(): void {
    this.#ready.length = 0
    for (const connection of [...this.#connections]) {
      connection.ready = false
      connection.codec.drain()
    }
  }

  /** The endpoint is gone: what runs finishes, what waits or comes later is told, nothing new opens. */
  close(): void {
    this.#closed = true
    this.#room.leave(this)
    this.#cancelConnecting()
    for (const waiter of this.#takeOut(0, Infinity)) waiter.onConnectFailure(ENDPOINT_REMOVED)
    this.renew()
  }

  /** Connections are made in another way now: what runs here finishes, what waits or comes later goes to `successor`. */
  handOver(successor: HttpPool): void {
    this.#closed = true
    this.#successor = successor
    this.#room.leave(this)
    this.#cancelConnecting()
    successor.#waiting.push(...this.#waiting.splice(0))
    this.renew()
    successor.#serve()
  }

  destroy(): void {
    this.close()
    for (const connection of [...this.#connections]) connection.codec.destroy()
  }

  /** From the codec: room appeared, or the connection is over. */
  changed(connection: PooledConnection): void {
    if (!this.#connections.has(connection)) return
    const codec = connection.codec
    this.streamsTold = codec.streamsTold ?? this.streamsTold
    if (codec.closed) {
      if (codec.closedIdle && codec.protocol !== 'h2')
        this.#habit.closed(this.#clock.now() - connection.idleSince, codec.carried)
      this.#connections.delete(connection)
      if (connection.ready) {
        connection.ready = false
        this.#ready.splice(this.#ready.indexOf(connection), 1)
      }
      this.#room.give()
      return this.grow()
    }
    if (codec.free > 0) {
      connection.waited = false
      // Of HTTP/2 nobody asks.
      if (codec.protocol !== 'h2') connection.idleSince = this.#clock.now()
      if (!connection.ready) {
        connection.ready = true
        this.#ready.push(connection)
      }
    }
    this.#serve()
    if (this.#room.wanted && codec.active === 0) this.#room.idle(this)
  }

  get wants(): boolean {
    const waiting = this.#waiting.length
    return !this.#closed && this.#connecting.size < (this.#multiplexed ? Math.min(1, waiting) : waiting)
  }

  grow(): void {
    while (this.wants && this.#room.take(this)) this.#connect()
  }

  yieldIdle(): boolean {
    const idle = this.#ready.find(({ codec }) => codec.active === 0)
    if (idle) this.#retire(idle)
    return idle !== undefined
  }

  #cancelConnecting(): void {
    const attempts = [...this.#connecting]
    this.#connecting.clear()
    for (const attempt of attempts) {
      attempt.cancel()
      this.#room.give()
    }
  }

  #retire(connection: PooledConnection): void {
    if (connection.ready) {
      connection.ready = false
      this.#ready.splice(this.#ready.indexOf(connection), 1)
    }
    connection.codec.drain()
  }

  #take(reuse: Reuse = 'any'): PooledConnection | undefined {
    const ready = this.#ready
    while (ready.length > 0) {
      const newest = ready[ready.length - 1] as PooledConnection
      if (newest.codec.free > 0) break
      newest.ready = false
      ready.pop()
    }
    for (let i = ready.length - 1; i >= 0; i--) {
      const connection = ready[i] as PooledConnection
      if (connection.codec.free > 0 && this.#serves(connection, reuse)) return connection
    }
    return undefined
  }

  #serves(connection: PooledConnection, reuse: Reuse): boolean {
    const { codec } = connection
    // An HTTP/2 server says by GOAWAY what it did not get to.
    if (codec.protocol === 'h2') return true
    const idleMs = (connection.waitedMs = this.#clock.now() - connection.idleSince)
    if (reuse === 'any') return true
    if (reuse === 'none' && codec.carried > 0) return false
    if (idleMs <= this.#habit.safeMs(codec.announcedIdleMs, codec.carried))
      return idleMs < LOOK_MS || !codec.endedByPeer
    this.#habit.lived(connection, idleMs, codec.carried)
    return false
  }

  /** They wait no more. */
  #takeOut(from: number, count: number): readonly PoolWaiter[] {
    const out = this.#waiting.splice(from, count)
    this.#breakers.pending -= out.length
    return out
  }

  #serve(): void {
    for (let i = 0; i < this.#waiting.length;) {
      const waiter = this.#waiting[i] as PoolWaiter
      const connection = this.#take(waiter.reuse)
      if (connection) {
        this.#takeOut(i, 1)
        waiter.onConnection(connection)
        // It may have called back in here.
        i = 0
      } else if (this.#ready.length === 0) break
      else i++
    }
    this.grow()
  }

  #connect(): void {
    const connection = new PooledConnection(this)
    const allowed = this.#allowed
    const made: Parameters<OpenConnection>[1] = (codec, connected, failure) => {
      this.#connecting.delete(attempt)
      if (codec) this.signOfLife(true)
      const outdated = allowed !== this.#allowed
      if (!codec || !connected) {
        // Whom nobody could connect to, whatever his name, is told of now: names that keep changing must not hide it.
        const byName = failure !== undefined && (failure.flags & ResponseFlag.UAEX) !== 0
        if (!outdated || !byName) this.#tell(failure as ConnectFailure)
        this.#room.give()
        return this.grow()
      }
      connection.codec = codec
      connection.identity = connected.identity
      connection.alpn = connected.alpn
      if (outdated && !this.#allowed?.(connected.identity)) {
        codec.drain()
        this.#room.give()
        return this.grow()
      }
      this.#multiplexed = codec.protocol === 'h2'
      this.#connections.add(connection)
      this.changed(connection)
    }
    const attempt = this.#open(connection, made, () => this.#slow())
    this.#connecting.add(attempt)
  }

  /** Told first that it is silent, whoever waits finds another endpoint, if there is one. */
  #slow(): void {
    this.signOfLife(false)
    for (const waiter of [...this.#waiting]) waiter.onSlowConnect?.()
  }

  /**
   * One failure answers one waiter: each decides for itself whether to go elsewhere. A shared (multiplexed) attempt
   * answers all, who would otherwise queue behind a dead endpoint.
   */
  #tell(failure: ConnectFailure): void {
    const told = this.#takeOut(0, this.#multiplexed ? Infinity : 1)
    for (const waiter of told) waiter.onConnectFailure(failure)
  }
}
