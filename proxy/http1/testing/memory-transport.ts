import type { Transport, TransportReader } from '../../transport/transport.ts'

/** A transport without a socket: what is written gathers, what is fed is read at once. */
export class MemoryTransport implements Transport {
  reader!: TransportReader
  readonly remote = 'memory:0'
  congested = false
  handed = 0
  pending = 0
  paused = false
  ended = false
  aborted = false
  destroyed = false
  #buffer = Buffer.alloc(1024)
  #length = 0
  #closed = false
  #waiting: Buffer[] = []

  write(bytes: Uint8Array): void {
    const { buffer, at } = this.reserve(bytes.length)
    buffer.set(bytes, at)
    this.commit(bytes.length)
  }

  writeLatin1(text: string): void {
    this.write(Buffer.from(text, 'latin1'))
  }

  reserve(size: number): { buffer: Buffer; at: number } {
    if (this.#buffer.length < this.#length + size) {
      this.#buffer = Buffer.concat([this.#buffer, Buffer.alloc(this.#length + size)])
    }
    return { buffer: this.#buffer, at: this.#length }
  }

  commit(size: number): void {
    if (this.ended || this.destroyed) return
    this.#length += size
    this.handed += size
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
    queueMicrotask(() => this.close())
  }

  abort(): void {
    this.aborted = true
    this.destroy()
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    queueMicrotask(() => {
      while (!this.paused && this.#waiting.length > 0) this.feed(this.#waiting.shift() as Buffer)
    })
  }

  /** Everything written so far, and forgets it. */
  take(): string {
    const text = this.#buffer.toString('latin1', 0, this.#length)
    this.#length = 0
    return text
  }

  /** Bytes of the peer; while paused they wait. The memory is overwritten after the call, as a pool would. */
  feed(bytes: Uint8Array | string): void {
    if (this.destroyed || bytes.length === 0) return
    const chunk = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes)
    if (this.paused) {
      this.#waiting.push(chunk)
      return
    }
    this.reader.onData(chunk)
    chunk.fill(0x21)
  }

  /** The peer's FIN. */
  feedEnd(): void {
    if (!this.destroyed) this.reader.onEnd()
  }

  close(error?: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.destroyed = true
    this.reader.onClose(error)
  }
}

/** Lets microtasks run: what `pause` kept, and what `destroy` announced. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve()
}
