/**
 * Output buffers shared by every transport, so that a connection which has nothing to send holds none.
 * A buffer comes back only once the socket has let go of it.
 */

const SMALL_BYTES = 16 * 1024
const LARGE_BYTES = 64 * 1024
// What the pool keeps for later; beyond that the collector has it.
const SMALL_KEPT = 128
const LARGE_KEPT = 32

const small: Buffer[] = []
const large: Buffer[] = []

/** A buffer of at least `size` bytes with unspecified content; 16 KiB where that is enough. */
export function takeBuffer(size: number): Buffer {
  if (size <= SMALL_BYTES) return small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES)
  if (size <= LARGE_BYTES) return large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES)
  return Buffer.allocUnsafeSlow(size)
}

/** Gives a buffer of `takeBuffer` back; nobody may hold it any more. */
export function releaseBuffer(buffer: Buffer): void {
  if (buffer.length === SMALL_BYTES) {
    if (small.length < SMALL_KEPT) small.push(buffer)
  } else if (buffer.length === LARGE_BYTES) {
    if (large.length < LARGE_KEPT) large.push(buffer)
  }
}

export const OUTPUT_CHUNK = SMALL_BYTES
export const OUTPUT_LARGE_CHUNK = LARGE_BYTES
