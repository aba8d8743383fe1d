import { monotonicClock, type Clock } from '../../core/clock.ts'
import type { TcpKeepAlive } from '../model/keep-alive.ts'
import { readTcpState, type ReadTcpState } from './tcp-state.ts'

/** A connection whose peer may vanish without a FIN. */
export interface WatchedConnection {
  /** Bytes given to the kernel so far. */
  readonly handed: number
  /** Bytes that came so far. */
  readonly received: number
  /** Somebody waits for what the peer does. */
  readonly awaited: boolean
  /** Somebody waits for the head of an answer, and only the kernel can ask whether the peer is there. */
  readonly awaitsAnswer: boolean
  /** Bytes that the kernel has not taken yet. */
  readonly pending: number
  /** Below 0: there is none (any more). */
  readonly fd: number
  /** Has the kernel ask a peer that owes nothing (SO_KEEPALIVE): so often, or as the connection's settings say. */
  keepAlive(often?: TcpKeepAlive): void
  /** Nothing acknowledges what was sent (true), or something does after all (false). */
  peerSilent(silent: boolean): void
  /** It was silent for too long: the connection is to end. */
  peerVanished(): void
}

const TICK_MS = 500
/** With a tick more, and a second for the try elsewhere, nobody waits longer than 3 s. */
export const SILENT_MS = 1500
/** A cut that is over sooner costs opaque connections nothing. */
export const VANISHED_MS = 10_000
// While an answer is awaited: of two probes, the second is late enough to tell, and early enough to go elsewhere.
const OFTEN: TcpKeepAlive = { idleMs: 1000, intervalMs: 1000, probes: 10 }
// A lost segment alone is no silence: it comes again after 0.2 s.
const RETRANSMITS = 2

interface Watch {
  /** What had been handed over when all of it was acknowledged. */
  settled: number
  /** When nothing was owed last, as far as was looked: how long the kernel heard nothing before that says nothing. */
  fineAt: number
  /** At the last look. */
  received: number
  awaitsAnswer: boolean
  silent: boolean
  /** What the kernel was told last. */
  asks: 'nothing' | 'as set' | 'often'
}

/**
 * Looks, every half a second, whether what was sent is acknowledged, where something was and somebody waits for a peer
 * that says nothing. Whoever sends nothing is asked by the kernel's keepalive, every second while an answer is
 * awaited: what was acknowledged long ago tells nothing. That in turn rests while something is unacknowledged, which
 * alone takes 15 minutes to fail. The kernel counts, so a stall of ours speaks against nobody.
 */
export class PeerWatch {
  readonly #watched = new Map<WatchedConnection, Watch>()
  readonly #clock: Clock
  readonly #read: ReadTcpState
  #running = false

  constructor(clock: Clock = monotonicClock, read: ReadTcpState = readTcpState) {
    this.#clock = clock
    this.#read = read
  }

  add(connection: WatchedConnection): void {
    this.#watched.set(connection, {
      settled: 0,
      fineAt: this.#clock.now(),
      received: 0,
      awaitsAnswer: false,
      silent: false,
      asks: 'nothing',
    })
    if (!this.#running) this.#arm()
  }

  delete(connection: WatchedConnection): void {
    this.#watched.delete(connection)
  }

  #arm(): void {
    this.#running = true
    this.#clock.after(TICK_MS, () => this.#look())
  }

  #look(): void {
    const now = this.#clock.now()
    for (const [connection, watch] of this.#watched) {
      const { awaitsAnswer, handed, received } = connection
      const spoke = received !== watch.received
      watch.received = received
      // Most connections are over before the first look, and most answers before the second: they cost nothing.
      const asks = awaitsAnswer && watch.awaitsAnswer && !spoke
      watch.awaitsAnswer = awaitsAnswer
      this.#ask(connection, watch, asks)
      const owes = asks || (handed !== watch.settled && !spoke && connection.awaited)
      if (owes || watch.silent) this.#judge(connection, watch, handed, now)
      else watch.fineAt = now
    }
    this.#running = false
    if (this.#watched.size > 0) this.#arm()
  }

  #ask(connection: WatchedConnection, watch: Watch, often: boolean): void {
    const asks = often || watch.silent ? 'often' : 'as set'
    if (asks === watch.asks) return
    watch.asks = asks
    connection.keepAlive(asks === 'often' ? OFTEN : undefined)
  }

  #judge(connection: WatchedConnection, watch: Watch, handed: number, now: number): void {
    const { fd } = connection
    const state = fd < 0 ? undefined : this.#read(fd)
    if (!state) return
    const silentMs = Math.min(state.silentMs, now - watch.fineAt)
    const silent = (state.retransmits >= RETRANSMITS || state.probes >= RETRANSMITS) && silentMs >= SILENT_MS
    if (silent && silentMs >= VANISHED_MS) {
      this.#watched.delete(connection)
      return connection.peerVanished()
    }
    if (state.unacknowledged === 0 && state.probes === 0 && connection.pending === 0) {
      watch.settled = handed
      watch.fineAt = now
    }
    if (silent === watch.silent) return
    watch.silent = silent
    connection.peerSilent(silent)
  }
}

/** Of all sockets of this process. */
export const peerWatch = new PeerWatch()
