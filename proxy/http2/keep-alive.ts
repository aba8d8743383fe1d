import type { Clock } from '../../core/clock.ts'
import type { Http2Connection } from './connection.ts'

/** Asks a silent peer by PING whether it is there, and ends the connection where nothing comes back. */
export class KeepAlive {
  /** A byte came since the last look. */
  heard = false
  readonly #connection: Http2Connection
  readonly #intervalMs: number
  readonly #timeoutMs: number
  readonly #clock: Clock
  #asked = false
  #cancel: (() => void) | undefined

  constructor(connection: Http2Connection, options: { intervalMs: number; timeoutMs: number }, clock: Clock) {
    this.#connection = connection
    this.#intervalMs = options.intervalMs
    this.#timeoutMs = options.timeoutMs
    this.#clock = clock
  }

  start(): void {
    this.#cancel = this.#clock.after(this.#asked ? this.#timeoutMs : this.#intervalMs, () => this.#look())
  }

  stop(): void {
    this.#cancel?.()
  }

  #look(): void {
    if (!this.heard && this.#asked) {
      this.#connection.destroy()
      return
    }
    this.#asked = !this.heard
    this.heard = false
    if (this.#asked) this.#connection.writePing(1)
    this.start()
  }
}
