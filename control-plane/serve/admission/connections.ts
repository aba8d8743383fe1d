import type { Socket } from 'node:net'
import { systemClock, type Clock } from '../../../core/clock.ts'

/** What of a connection counts here; a `net.Socket` is one. */
export type GuardedSocket = Pick<Socket, 'remoteAddress' | 'remotePort' | 'bytesRead' | 'destroy' | 'once'>

export interface ConnectionLimits {
  /** Without a caller that is known yet: of one source address, and of all. */
  readonly strangersPerAddress: number
  readonly strangers: number
  /** So long may it take until a call of the connection is let in. Milliseconds. */
  readonly admitMs: number
  /** What a connection may send before one is: a head with a token, and the first window of a message behind it. */
  readonly strangerBytes: number
  /** Calls refused before one is let in, and streams opened, whatever comes of them. */
  readonly refusals: number
  readonly streams: number
  /** Of one caller, once it is known. */
  readonly perCaller: number
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  strangersPerAddress: 128,
  strangers: 512,
  admitMs: 15_000,
  strangerBytes: 512 * 1024,
  refusals: 16,
  streams: 64,
  perCaller: 32,
}

const LOOK_EVERY_MS = 100
/** So that the status of the last refusal still goes out. */
const GOODBYE_MS = 100

/** One connection to the server. A stranger until a call of it is let in. */
export class Connection {
  readonly address: string
  readonly since: number
  /** Who was let in on it first; undefined: nobody yet. */
  caller: string | undefined
  refused = 0
  streams = 0
  readonly #socket: GuardedSocket

  constructor(socket: GuardedSocket, now: number) {
    this.#socket = socket
    this.address = socket.remoteAddress ?? ''
    this.since = now
  }

  get bytes(): number {
    return this.#socket.bytesRead
  }

  end(): void {
    this.#socket.destroy()
  }
}

/**
 * The connections of a server, so that nobody keeps others out: those whose caller is not known yet are few, short and
 * small, by source address and in all, and the oldest of the address that has the most gives way; those of one caller
 * are bounded, and give way to its own newer ones.
 */
export class Connections {
  readonly #limits: ConnectionLimits
  readonly #clock: Clock
  readonly #byPeer = new Map<string, Connection>()
  readonly #strangers = new Map<string, Set<Connection>>()
  readonly #callers = new Map<string, Set<Connection>>()
  #strangerCount = 0
  #cancelLook: (() => void) | undefined

  constructor(limits: ConnectionLimits = CONNECTION_LIMITS, clock: Clock = systemClock) {
    this.#limits = limits
    this.#clock = clock
  }

  get size(): number {
    return this.#byPeer.size
  }

  get strangers(): number {
    return this.#strangerCount
  }

  accept(socket: GuardedSocket): void {
    const connection = new Connection(socket, this.#clock.now())
    const peer = peerOf(connection.address, socket.remotePort)
    this.#byPeer.set(peer, connection)
    this.#join(this.#strangers, connection.address, connection)
    this.#strangerCount++
    socket.once('close', () => {
      if (this.#byPeer.get(peer) === connection) this.#byPeer.delete(peer)
      this.#forget(connection)
    })
    const own = this.#strangers.get(connection.address)
    if (own && own.size > this.#limits.strangersPerAddress) this.#drop(first(own))
    if (this.#strangerCount > this.#limits.strangers) this.#drop(first(this.#greediest()))
    this.#look()
  }

  /** The connection that a call came on, by its other end. */
  of(address: string | undefined, port: number | undefined): Connection | undefined {
    return this.#byPeer.get(peerOf(address ?? '', port))
  }

  /** A call of it was let in. The first caller of a connection counts for it. */
  admitted(connection: Connection, caller: string): void {
    if (connection.caller !== undefined || !this.#strangers.get(connection.address)?.has(connection)) return
    this.#forget(connection)
    connection.caller = caller
    const own = this.#join(this.#callers, caller, connection)
    if (own.size > this.#limits.perCaller) this.#drop(first(own))
  }

  /** A call of it was refused. */
  refused(connection: Connection): void {
    if (connection.caller !== undefined || ++connection.refused !== this.#limits.refusals) return
    this.#clock.after(GOODBYE_MS, () => connection.end())
  }

  /** A stream of it was opened. False: too many, and nobody was let in yet. */
  opened(connection: Connection): boolean {
    return ++connection.streams <= this.#limits.streams || connection.caller !== undefined
  }

  /** Ends every connection there is. */
  end(): void {
    this.#cancelLook?.()
    for (const connection of this.#byPeer.values()) connection.end()
  }

  #look(): void {
    this.#cancelLook ??= this.#clock.after(LOOK_EVERY_MS, () => {
      this.#cancelLook = undefined
      const before = this.#clock.now() - this.#limits.admitMs
      for (const connections of this.#strangers.values())
        for (const one of connections)
          if (one.since <= before || one.bytes > this.#limits.strangerBytes) this.#drop(one)
      if (this.#strangerCount > 0) this.#look()
    })
  }

  #drop(connection: Connection | undefined): void {
    if (!connection) return
    this.#forget(connection)
    connection.end()
  }

  #greediest(): ReadonlySet<Connection> {
    let most: ReadonlySet<Connection> = new Set()
    for (const connections of this.#strangers.values()) if (connections.size > most.size) most = connections
    return most
  }

  #join(groups: Map<string, Set<Connection>>, key: string, connection: Connection): Set<Connection> {
    const group = groups.get(key) ?? new Set()
    groups.set(key, group.add(connection))
    return group
  }

  #forget(connection: Connection): void {
    const known = connection.caller !== undefined
    const groups = known ? this.#callers : this.#strangers
    const key = connection.caller ?? connection.address
    const group = groups.get(key)
    if (!group?.delete(connection)) return
    if (group.size === 0) groups.delete(key)
    if (!known) this.#strangerCount--
  }
}

function peerOf(address: string, port: number | undefined): string {
  return `${address} ${port ?? 0}`
}

function first(connections: ReadonlySet<Connection>): Connection | undefined {
  const [oldest] = connections
  return oldest
}
