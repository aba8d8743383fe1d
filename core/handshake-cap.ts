import type { Socket } from 'node:net'
import type { Server as TlsServer, TLSSocket } from 'node:tls'
import { monotonicClock, type Clock } from './clock.ts'

export interface HandshakeCap {
  /** Handshakes at once: of all, and of one source address. */
  readonly total: number
  readonly perAddress: number
  /** One that takes longer gives its place to who waits. Milliseconds. */
  readonly yieldMs: number
  /** So long may a client take to begin, and then to finish. Milliseconds. */
  readonly timeoutMs: number
}

export const HANDSHAKE_CAP: HandshakeCap = { total: 64, perAddress: 16, yieldMs: 1000, timeoutMs: 5000 }

const LOOK_EVERY_MS = 100

/** What of a connection counts here; a `net.Socket` is one. */
export type HandshakeSocket = Pick<
  Socket,
  'remoteAddress' | 'remotePort' | 'readableLength' | 'destroy' | 'once' | 'on' | 'off'
>

/**
 * Shares the handshakes of a TLS server out by source address: each costs milliseconds of the event loop, and a few
 * hundred at once kept everybody waiting for seconds. So many are at work; other connections are held as they came, and
 * addresses take turns. Whoever sends nothing takes no place, whoever does not finish gives it up when others wait. How
 * many connections are held is for others to bound.
 */
export function capHandshakes(
  server: TlsServer,
  cap: HandshakeCap = HANDSHAKE_CAP,
  clock: Clock = monotonicClock,
): void {
  const begins = server.listeners('connection')
  server.removeAllListeners('connection')
  const handshakes = new Handshakes(cap, clock)
  server.on('connection', (socket: Socket) => {
    // TLS listens to it once the handshake has begun.
    socket.on('error', () => socket.destroy())
    handshakes.arrived(socket, () => {
      for (const begin of begins) Reflect.apply(begin, server, [socket])
    })
  })
  server.on('secureConnection', (socket: TLSSocket) => handshakes.finished(socket))
}

interface Pending {
  readonly socket: HandshakeSocket
  readonly address: string
  readonly begin: () => void
  /** When its handshake began. */
  since: number
  cancelLate: () => void
}

/** Whose handshake is at work, and who waits for it. */
export class Handshakes {
  readonly #cap: HandshakeCap
  readonly #clock: Clock
  readonly #byPeer = new Map<string, Pending>()
  readonly #running = new Map<string, Set<Pending>>()
  /** In the order of their turns: an address that had one goes to the end. */
  readonly #waiting = new Map<string, Set<Pending>>()
  #count = 0
  #looks = false

  constructor(cap: HandshakeCap, clock: Clock) {
    this.#cap = cap
    this.#clock = clock
  }

  /** Handshakes at work. */
  get running(): number {
    return this.#count
  }

  /** `begin` is called once it is the connection's turn, with what it has sent still unread. */
  arrived(socket: HandshakeSocket, begin: () => void): void {
    const address = socket.remoteAddress
    if (address === undefined) return void socket.destroy()
    const late = this.#clock.after(this.#cap.timeoutMs, () => socket.destroy())
    const pending: Pending = { socket, address, begin, since: 0, cancelLate: late }
    const peer = peerOf(socket)
    this.#byPeer.set(peer, pending)
    socket.once('close', () => this.#left(peer, pending))
    const heard = (): void => {
      socket.off('readable', heard)
      // A FIN and nothing before it.
      if (socket.readableLength === 0) return void socket.destroy()
      pending.cancelLate()
      join(this.#waiting, pending)
      this.#next()
    }
    socket.on('readable', heard)
  }

  /** The connection of this other end has done its handshake. */
  finished(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    const peer = peerOf(socket)
    const pending = this.#byPeer.get(peer)
    if (pending) this.#left(peer, pending)
  }

  #left(peer: string, pending: Pending): void {
    if (this.#byPeer.get(peer) === pending) this.#byPeer.delete(peer)
    pending.cancelLate()
    leave(this.#waiting, pending)
    if (!leave(this.#running, pending)) return
    this.#count--
    this.#next()
  }

  #next(): void {
    for (let pending = this.#first(); pending; pending = this.#first()) this.#begin(pending)
    if (this.#waiting.size > 0) this.#look()
  }

  /** The oldest of the address whose turn it is, if it can have one. */
  #first(): Pending | undefined {
    if (this.#count >= this.#cap.total) return undefined
    for (const [address, waiting] of this.#waiting)
      if ((this.#running.get(address)?.size ?? 0) < this.#cap.perAddress) return oldest(waiting)
    return undefined
  }

  #begin(pending: Pending): void {
    const { address, socket } = pending
    leave(this.#waiting, pending)
    const others = this.#waiting.get(address)
    if (others && this.#waiting.delete(address)) this.#waiting.set(address, others)
    join(this.#running, pending)
    this.#count++
    pending.since = this.#clock.now()
    pending.cancelLate = this.#clock.after(this.#cap.timeoutMs, () => socket.destroy())
    pending.begin()
  }

  /** While somebody waits: who is slow gives way, of the same address or, where all places are taken, of the greediest. */
  #look(): void {
    if (this.#looks) return
    this.#looks = true
    this.#clock.after(LOOK_EVERY_MS, () => {
      this.#looks = false
      const slow = this.#clock.now() - this.#cap.yieldMs
      for (const address of [...this.#waiting.keys()]) {
        const own = this.#running.get(address)
        const full = this.#count >= this.#cap.total ? this.#greediest() : undefined
        const gives = oldest(own && own.size >= this.#cap.perAddress ? own : (full ?? NOBODY))
        if (!gives || gives.since > slow) continue
        this.#left(peerOf(gives.socket), gives)
        gives.socket.destroy()
      }
      if (this.#waiting.size > 0) this.#look()
    })
  }

  #greediest(): Set<Pending> | undefined {
    let most: Set<Pending> | undefined
    for (const running of this.#running.values()) if (running.size > (most?.size ?? 0)) most = running
    return most
  }
}

const NOBODY: ReadonlySet<Pending> = new Set()

function join(groups: Map<string, Set<Pending>>, pending: Pending): void {
  const group = groups.get(pending.address)
  if (group) group.add(pending)
  else groups.set(pending.address, new Set([pending]))
}

function leave(groups: Map<string, Set<Pending>>, pending: Pending): boolean {
  const group = groups.get(pending.address)
  if (!group?.delete(pending)) return false
  if (group.size === 0) groups.delete(pending.address)
  return true
}

function oldest(group: ReadonlySet<Pending>): Pending | undefined {
  const [first] = group
  return first
}

function peerOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress}|${remotePort}`
}
