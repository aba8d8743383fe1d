import type { Clock } from '../../core/clock.ts'

/** When a silent peer is asked by PING whether it is there, and what follows if it says nothing. Milliseconds. */
export interface KeepAliveOptions {
  /** Silence before a PING while no stream is open; half of it while one is. */
  readonly intervalMs: number
  /** For any byte after a PING; then the connection ends. */
  readonly timeoutMs: number
  /** Silence before a PING while somebody waits for the head of an answer. Left out: as for any stream. */
  readonly waitingMs?: number
  /** For any byte after a PING until the connection is suspect. Left out: never. */
  readonly suspectMs?: number
}

/** What hangs on an answer: `answer` somebody who waits for its head, `stream` a stream, `nothing`. */
export type Urgency = 'answer' | 'stream' | 'nothing'

/** The connection whose peer is asked. */
export interface PingedConnection {
  readonly urgency: Urgency
  writePing(payload: number): void
  /** The peer owes the answer to a PING (true), or a byte came after all (false). */
  onSuspect(suspect: boolean): void
  destroy(): void
}

export const KEEP_ALIVE_PING = 1

// A check that comes this late was held up by us, as what has arrived may be: it is read first.
const LATE_MS = 200

/** Asks a silent peer by PING whether it is there, and ends the connection where nothing comes back. */
export class KeepAlive {
  readonly #connection: PingedConnection
  readonly #options: KeepAliveOptions
  readonly #clock: Clock
  #heardAt: number
  /** When the first of those that wait began to. */
  #askedAt = 0
  /** When the PING went that nothing has followed yet; -1: none. */
  #pingedAt = -1
  #suspect = false
  #dueAt = 0
  /** The next check is as near as somebody who waits for an answer needs it. */
  #near = false
  #cancel: (() => void) | undefined

  constructor(connection: PingedConnection, options: KeepAliveOptions, clock: Clock) {
    this.#connection = connection
    this.#options = options
    this.#clock = clock
    this.#heardAt = clock.now()
  }

  start(): void {
    this.#heardAt = this.#clock.now()
    this.#arm(this.#patienceMs())
  }

  stop(): void {
    this.#cancel?.()
  }

  /** Bytes came. */
  heard(): void {
    this.#heardAt = this.#clock.now()
    if (this.#pingedAt < 0) return
    this.#pingedAt = -1
    if (!this.#suspect) return
    this.#suspect = false
    this.#arm(this.#patienceMs())
    this.#connection.onSuspect(false)
  }

  /** Somebody waits for an answer from now on. */
  asked(): void {
    const { waitingMs } = this.#options
    if (this.#near || waitingMs === undefined || this.#pingedAt >= 0) return
    this.#askedAt = this.#clock.now()
    this.#arm(waitingMs)
  }

  #arm(ms: number): void {
    this.#cancel?.()
    this.#near = ms <= (this.#options.waitingMs ?? 0)
    this.#dueAt = this.#clock.now() + ms
    this.#cancel = this.#clock.after(ms, () => this.#check())
  }

  #patienceMs(): number {
    const { intervalMs, waitingMs = intervalMs / 2 } = this.#options
    const { urgency } = this.#connection
    if (urgency === 'nothing') return intervalMs
    return urgency === 'stream' ? intervalMs / 2 : waitingMs
  }

  #check(): void {
    const now = this.#clock.now()
    if (now - this.#dueAt > LATE_MS) return this.#arm(LATE_MS / 2)
    if (this.#pingedAt >= 0) return this.#unanswered(now)
    const left = Math.max(this.#heardAt, this.#askedAt) + this.#patienceMs() - now
    if (left > 0) return this.#arm(left)
    this.#pingedAt = now
    this.#connection.writePing(KEEP_ALIVE_PING)
    this.#arm(Math.min(this.#options.suspectMs ?? Infinity, this.#options.timeoutMs))
  }

  #unanswered(now: number): void {
    const { timeoutMs, suspectMs = Infinity } = this.#options
    const left = this.#pingedAt + timeoutMs - now
    if (left <= 0) return this.#connection.destroy()
    if (!this.#suspect && now - this.#pingedAt >= suspectMs) {
      this.#suspect = true
      this.#arm(left)
      return this.#connection.onSuspect(true)
    }
    this.#arm(this.#suspect ? left : Math.min(left, this.#pingedAt + suspectMs - now))
  }
}
