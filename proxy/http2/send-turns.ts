import type { Transport } from '../transport/transport.ts'
import { DEFAULT_FRAME_BYTES } from './frame.ts'
import type { Http2Stream } from './stream.ts'

/** What all streams of a connection send through. */
export interface SharedOutput {
  /** The connection's window. Bytes. */
  readonly sendWindow: number
  readonly transport: Transport
}

/**
 * Whose turn it is to send: streams with queued bytes wait for the connection's window and the transport,
 * and get one frame each in turns. Streams that only have to hear that the transport takes more wait apart.
 */
export class SendTurns {
  readonly #output: SharedOutput
  #line: Http2Stream[] = []
  #head = 0
  #waking: Http2Stream[] = []
  #running = false

  constructor(output: SharedOutput) {
    this.#output = output
  }

  get waiting(): boolean {
    return this.#head < this.#line.length
  }

  add(stream: Http2Stream): void {
    if (stream.queuedToSend) return
    stream.queuedToSend = true
    this.#line.push(stream)
  }

  /** Sends while there is a window and the transport takes it. */
  run(): void {
    if (this.#running) return
    this.#running = true
    const output = this.#output
    while (this.#head < this.#line.length && output.sendWindow > 0 && !output.transport.congested) {
      const stream = this.#line[this.#head++] as Http2Stream
      stream.queuedToSend = false
      if (stream.dead || stream.closed) continue
      stream.sendQueued(Math.min(DEFAULT_FRAME_BYTES, output.sendWindow))
      if (stream.hasQueued && stream.sendWindow > 0) this.add(stream)
      if (this.#head > 256) this.#compact()
    }
    this.#compact()
    this.#running = false
  }

  #compact(): void {
    if (this.#head === this.#line.length) this.#line.length = 0
    else if (this.#head > 0) this.#line.splice(0, this.#head)
    this.#head = 0
  }

  addWaking(stream: Http2Stream): void {
    if (stream.queuedToWake) return
    stream.queuedToWake = true
    this.#waking.push(stream)
  }

  /** Tells those that wait for the transport, until it is full again. */
  wake(): void {
    const list = this.#waking
    if (list.length === 0) return
    this.#waking = []
    for (let i = 0; i < list.length; i++) {
      const stream = list[i] as Http2Stream
      if (this.#output.transport.congested) this.#waking.push(stream)
      else {
        stream.queuedToWake = false
        if (!stream.hasQueued) stream.wake()
      }
    }
  }
}
