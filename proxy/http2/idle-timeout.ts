import type { Clock } from '../../core/clock.ts'

/** The connection that has nothing to do. */
export interface IdleConnection {
  /** Streams now. */
  readonly active: number
  drain(): void
}

/** Drains a connection that had no stream for so long (common_http_protocol_options.idle_timeout). */
export class IdleTimeout {
  readonly #connection: IdleConnection
  readonly #timeoutMs: number
  readonly #clock: Clock
  #since: number
  #cancel: () => void = () => {}

  constructor(connection: IdleConnection, timeoutMs: number, clock: Clock) {
    this.#connection = connection
    this.#timeoutMs = timeoutMs
    this.#clock = clock
    this.#since = clock.now()
  }

  start(): void {
    this.#arm(this.#timeoutMs)
  }

  /** A stream is over. The timer is moved when it fires, and not here for each. */
  streamOver(): void {
    this.#since = this.#clock.now()
  }

  stop(): void {
    this.#cancel()
  }

  #arm(delayMs: number): void {
    this.#cancel = this.#clock.after(delayMs, () => {
      if (this.#connection.active > 0) return this.#arm(this.#timeoutMs)
      const left = this.#since + this.#timeoutMs - this.#clock.now()
      if (left > 0) this.#arm(left)
      else this.#connection.drain()
    })
  }
}
