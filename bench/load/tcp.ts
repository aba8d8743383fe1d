import type { Socket } from 'node:net'
import type { Caller } from './connect.ts'
import type { Meter } from './meter.ts'

/** Sends a message and waits for its echo, again and again; with `once`, ends the connection after the first. */
export class TcpCaller implements Caller {
  readonly #meter: Meter
  readonly #message: Buffer
  /** Called when a connection that is meant for one exchange has ended. */
  readonly #next: (() => void) | undefined
  #socket!: Socket
  #began = performance.now()
  #left = 0
  #first = true
  #done = false

  constructor(meter: Meter, size: number, next?: () => void) {
    this.#meter = meter
    this.#message = Buffer.alloc(size, 'x')
    this.#next = next
  }

  onConnect(socket: Socket): void {
    this.#socket = socket
    if (!this.#next) this.#began = performance.now()
    this.#ask()
  }

  onBytes(bytes: Buffer): void {
    if (bytes.length > this.#left) return this.#meter.wrong('an echo longer than its message')
    if (bytes[0] !== 0x78 || bytes[bytes.length - 1] !== 0x78)
      return this.#meter.wrong('an echo of something else')
    this.#left -= bytes.length
    this.#meter.received(bytes.length)
    if (this.#left > 0) return
    this.#meter.finished(performance.now() - this.#began, this.#first)
    this.#first = false
    if (this.#next) {
      this.#done = true
      this.#socket.destroy()
    } else {
      this.#began = performance.now()
      this.#ask()
    }
  }

  onClose(reason: string): void {
    if (this.#done) this.#next?.()
    else this.#meter.wrong(reason)
  }

  #ask(): void {
    if (this.#meter.stopped) return
    this.#left = this.#message.length
    this.#socket.write(this.#message)
  }
}
