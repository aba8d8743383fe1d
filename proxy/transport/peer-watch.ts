import { monotonicClock, type Clock } from '../../core/clock.ts'
import { readTcpState, type ReadTcpState } from './tcp-state.ts'

/** A connection whose peer may vanish without a FIN. */
export interface WatchedConnection {
  /** Bytes given to the kernel so far. */
  readonly handed: number
  /** Bytes that came so far. */
  readonly received: number
  /** Somebody waits for what the peer does. */
  readonly awaited: boolean
  /** Bytes that the kernel has not taken yet. */
  readonly pending: number
  /** Below 0: there is none (any more). */
  readonly fd: number
  /** Has the kernel ask a peer that is silent and owes nothing (SO_KEEPALIVE). Once. */
  keepAlive(): void
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
// A lost segment alone is no silence: it comes again after 0.2 s.
const RETRANSMITS = 2

interface Watch {
  /** What had been handed over when all of it was acknowledged. */
  settled: number
  /** At the last look. */
  received: number
  silent: boolean
  old: boolean
}

/**
 * Looks, every half a second, whether what was sent is acknowledged, where something was and somebody waits for a peer
 * that says nothing. Whoever sends nothing is asked
 * by the kernel's keepalive, which in turn rests while something is unacknowledged: that alone takes 15 minutes to fail.
 * The kernel counts, so a stall of ours speaks against nobody.
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
    this.#watched.set(connection, { settled: 0, received: 0, silent: false, old: false })
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
    for (const [connection, watch] of this.#watched) {
      if (!watch.old) {
        // Most connections are over before: they cost nothing.
        watch.old = true
        connection.keepAlive()
      }
      const { handed, received } = connection
      const spoke = received !== watch.received
      watch.received = received
      if (handed === watch.settled || (!watch.silent && (spoke || !connection.awaited))) continue
      this.#judge(connection, watch, handed)
    }
    this.#running = false
    if (this.#watched.size > 0) this.#arm()
  }

  #judge(connection: WatchedConnection, watch: Watch, handed: number): void {
    const { fd } = connection
    const state = fd < 0 ? undefined : this.#read(fd)
    if (!state) return
    const silent =
      (state.retransmits >= RETRANSMITS || state.probes >= RETRANSMITS) && state.silentMs >= SILENT_MS
    if (silent && state.silentMs >= VANISHED_MS) {
      this.#watched.delete(connection)
      return connection.peerVanished()
    }
    if (state.unacknowledged === 0 && state.probes === 0 && connection.pending === 0) watch.settled = handed
    if (silent === watch.silent) return
    watch.silent = silent
    connection.peerSilent(silent)
  }
}

/** Of all sockets of this process. */
export const peerWatch = new PeerWatch()
