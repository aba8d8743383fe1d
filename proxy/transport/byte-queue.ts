import { OUTPUT_LARGE_CHUNK, releaseBuffer, takeBuffer } from './output-pool.ts'

// Fewer bytes get memory of their own: many streams may each hold a little.
const POOLED_BYTES = 4096

/** Bytes that wait for room, copied into buffers of the output pool: memory made for each piece has the collector run. */
export class ByteQueue {
  /** Bytes in it. */
  length = 0
  readonly #buffers: Buffer[] = []
  readonly #fills: number[] = []
  /** Used up of the oldest buffer. */
  #from = 0
  #taken: Buffer | undefined

  push(bytes: Uint8Array): void {
    this.length += bytes.length
    let from = 0
    while (from < bytes.length) {
      const last = this.#buffers.length - 1
      let buffer = this.#buffers[last]
      let fill = this.#fills[last] ?? 0
      if (buffer === undefined || fill === buffer.length) {
        const left = bytes.length - from
        // Twice as much as before, so that a queue of single bytes does not take a buffer for each of them.
        const size = Math.max(left, Math.min(POOLED_BYTES, 2 * (buffer?.length ?? 0)))
        buffer =
          size < POOLED_BYTES ? Buffer.allocUnsafe(size) : takeBuffer(Math.min(size, OUTPUT_LARGE_CHUNK))
        fill = 0
        this.#buffers.push(buffer)
        this.#fills.push(0)
      }
      const count = Math.min(bytes.length - from, buffer.length - fill)
      buffer.set(count === bytes.length ? bytes : bytes.subarray(from, from + count), fill)
      this.#fills[this.#fills.length - 1] = fill + count
      from += count
    }
  }

  /** Memory that it takes. Bytes. */
  get occupied(): number {
    return this.#buffers.reduce((sum, { length }) => sum + length, 0)
  }

  /** The oldest bytes in one piece, `limit` at most; valid until the queue's next call. Empty when it is. */
  first(limit: number): Buffer {
    const buffer = this.#buffers[0]
    if (buffer === undefined) return NOTHING
    return buffer.subarray(this.#from, Math.min(this.#fills[0] as number, this.#from + limit))
  }

  /** Forgets bytes that `first` has shown. */
  drop(count: number): void {
    this.length -= count
    this.#from += count
    if (this.#from < (this.#fills[0] as number)) return
    this.#from = 0
    this.#fills.shift()
    releaseBuffer(this.#buffers.shift() as Buffer)
  }

  /** Takes the oldest piece out. It is valid until `giveBack`, also when the queue is cleared meanwhile. */
  take(): Buffer {
    const buffer = this.#buffers.shift()
    if (buffer === undefined) return NOTHING
    const piece = buffer.subarray(this.#from, this.#fills.shift() as number)
    this.#from = 0
    this.length -= piece.length
    this.#taken = buffer
    return piece
  }

  giveBack(): void {
    if (this.#taken) releaseBuffer(this.#taken)
    this.#taken = undefined
  }

  clear(): void {
    for (const buffer of this.#buffers) releaseBuffer(buffer)
    this.#buffers.length = this.#fills.length = 0
    this.#from = this.length = 0
  }
}

const NOTHING = Buffer.alloc(0)
