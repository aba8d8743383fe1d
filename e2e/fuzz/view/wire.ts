import type { Transport, TransportReader } from '../../../proxy/transport/transport.ts'

/**
 * A transport without a socket and without a clock: what is written gathers, and what is fed is read before the
 * call returns, or queued while the codec holds back.
 */
export class Wire implements Transport {
  reader!: TransportReader
  readonly remote = 'wire:0'
  readonly congested = false
  readonly pending = 0
  handed = 0
  ended = false
  destroyed = false
  #paused = false
  #closed = false
  #scratch = Buffer.allocUnsafe(512)
  readonly #written: Buffer[] = []
  readonly #queue: Buffer[] = []
  #pumping = false

  write(bytes: Uint8Array): void {
    const { buffer, at } = this.reserve(bytes.length)
    buffer.set(bytes, at)
    this.commit(bytes.length)
  }

  writeLatin1(text: string): void {
    this.write(Buffer.from(text, 'latin1'))
  }

  reserve(size: number): { buffer: Buffer; at: number } {
    if (this.#scratch.length < size) this.#scratch = Buffer.allocUnsafe(size)
    return { buffer: this.#scratch, at: 0 }
  }

  commit(size: number): void {
    if (this.ended || this.destroyed) return
    this.#written.push(Buffer.from(this.#scratch.subarray(0, size)))
    this.handed += size
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
  }

  abort(): void {
    this.destroyed = true
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
  }

  /** Everything that was written. */
  get output(): Buffer {
    return Buffer.concat(this.#written)
  }

  /** Bytes of the peer, as a copy that is overwritten after the call, as a pool would. */
  feed(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#queue.push(Buffer.from(bytes))
    this.pump()
  }

  /** Hands over what waits. */
  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (!this.#paused && !this.destroyed && this.#queue.length > 0) {
      const chunk = this.#queue.shift() as Buffer
      this.reader.onData(chunk)
      chunk.fill(0x21)
    }
    this.#pumping = false
  }

  /** The peer's FIN. */
  feedEnd(): void {
    this.pump()
    if (!this.destroyed && this.#queue.length === 0) this.reader.onEnd()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.destroyed = true
    this.reader.onClose(undefined)
  }
}
