/**
 * Output buffers shared by every transport, so that a connection which has nothing to send holds none.
 * A buffer comes back only once the socket has let go of it.
 */

/** Sizes that there are: most answers fit the smallest, and a thousand of them may wait in one turn. */
export const OUTPUT_CHUNK = 4 * 1024
const MIDDLE_CHUNK = 16 * 1024
export const OUTPUT_LARGE_CHUNK = 64 * 1024

interface Shelf {
  readonly bytes: number
  /** What is kept for later; beyond that the collector has it. */
  readonly limit: number
  readonly buffers: Buffer[]
}

const shelves: readonly Shelf[] = [
  { bytes: OUTPUT_CHUNK, limit: 256, buffers: [] },
  { bytes: MIDDLE_CHUNK, limit: 64, buffers: [] },
  { bytes: OUTPUT_LARGE_CHUNK, limit: 32, buffers: [] },
]

/** A buffer of at least `size` bytes with unspecified content. */
export function takeBuffer(size: number): Buffer {
  for (let i = 0; i < shelves.length; i++) {
    const shelf = shelves[i] as Shelf
    if (size <= shelf.bytes) return shelf.buffers.pop() ?? Buffer.allocUnsafeSlow(shelf.bytes)
  }
  return Buffer.allocUnsafeSlow(size)
}

/** Gives a buffer of `takeBuffer` back; nobody may hold it any more. */
export function releaseBuffer(buffer: Buffer): void {
  for (let i = 0; i < shelves.length; i++) {
    const shelf = shelves[i] as Shelf
    if (buffer.length !== shelf.bytes) continue
    if (shelf.buffers.length < shelf.limit) shelf.buffers.push(buffer)
    return
  }
}
