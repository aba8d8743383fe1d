import type { Clock } from '../../core/clock.ts'

/** The connection whose peer is asked. */
export interface PingedConnection {
  writePing(payload: number): void
  destroy(): void
}

/** Asks a silent peer by PING whether it is there, and ends the connection where nothing comes back. */
export class KeepAlive {
  /** A byte came since the last check. */
  heard = false
  readonly #connection: PingedConnection
  readonly #intervalMs: number
  readonly #timeoutMs: number
  readonly #clock: Clock
  #pinged = false
  #cancel: (() => void) | undefined

  constructor(
    connection: PingedConnection,
    options: { intervalMs: number; timeoutMs: number },
    clock: Clock,
  ) {
    this.#connection = connection
    this.#intervalMs = options.intervalMs
    this.#timeoutMs = options.timeoutMs
    this.#clock = clock
  }

  start(): void {
    this.#cancel = this.#clock.after(this.#pinged ? this.#timeoutMs : this.#intervalMs, () => this.#check())
  }

  stop(): void {
    this.#cancel?.()
  }

  #check(): void {
    if (!this.heard && this.#pinged) {
      this.#connection.destroy()
      return
    }
    this.#pinged = !this.heard
    this.heard = false
    if (this.#pinged) this.#connection.writePing(1)
    this.start()
  }
}
