import type { Transport, TransportReader } from '../../transport/transport.ts'

const NO_READER: TransportReader = { onData() {}, onEnd() {}, onWritable() {}, onClose() {} }

/** One end of a `MemoryWire`, for tests: bytes wait until the wire is told to carry them. */
export class MemoryTransport implements Transport {
  reader: TransportReader = NO_READER
  readonly remote = 'memory'
  congested = false
  ended = false
  closed = false
  peer: MemoryTransport | undefined
  #buffer = Buffer.alloc(64 * 1024)
  #length = 0
  #ended = false

  write(bytes: Uint8Array): void {
    const { buffer, at } = this.reserve(bytes.length)
    buffer.set(bytes, at)
    this.commit(bytes.length)
  }

  writeLatin1(text: string): void {
    this.write(Buffer.from(text, 'latin1'))
  }

  reserve(size: number): { buffer: Buffer; at: number } {
    if (this.#buffer.length - this.#length < size) {
      const larger = Buffer.alloc((this.#buffer.length + size) * 2)
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    return { buffer: this.#buffer, at: this.#length }
  }

  commit(size: number): void {
    if (!this.#ended && !this.closed) this.#length += size
  }

  end(): void {
    this.#ended = true
  }

  destroy(): void {
    this.closed = true
    this.#length = 0
  }

  abort(): void {
    this.destroy()
  }

  pause(): void {}
  resume(): void {}

  /** What was written since the last call. */
  take(): Buffer {
    const out = Buffer.from(this.#buffer.subarray(0, this.#length))
    this.#length = 0
    return out
  }

  get finished(): boolean {
    return this.#ended && this.#length === 0
  }
}

/** Two transports whose bytes go over in pieces of the sizes that `split` gives. */
export class MemoryWire {
  readonly left = new MemoryTransport()
  readonly right = new MemoryTransport()
  readonly #split: () => number
  /** Sees every piece that goes over. */
  tap: (from: 'left' | 'right', piece: Buffer) => void = () => {}

  constructor(split: () => number = () => Infinity) {
    this.#split = split
  }

  /** Carries bytes both ways until nothing moves. */
  run(): void {
    for (let moved = true; moved;) moved = [this.#carry('left'), this.#carry('right')].includes(true)
  }

  #carry(side: 'left' | 'right'): boolean {
    const from = this[side]
    const to = side === 'left' ? this.right : this.left
    const bytes = from.take()
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + Math.max(1, this.#split()))
      // A copy that is overwritten afterwards shows who keeps a chunk beyond its call.
      const piece = Buffer.from(bytes.subarray(at, end))
      this.tap(side, piece)
      if (!to.closed) to.reader.onData(piece)
      piece.fill(0xee)
      at = end
    }
    if (from.finished && !from.ended) {
      from.ended = true
      if (!to.closed) to.reader.onEnd()
      return true
    }
    if (from.closed && !to.closed) {
      to.closed = true
      to.reader.onClose(undefined)
      from.reader.onClose(undefined)
      return true
    }
    return bytes.length > 0
  }
}
