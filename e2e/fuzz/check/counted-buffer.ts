/** A codec that looks at a chunk more often than this for each of its bytes is in a loop. */
const LOOKS_PER_BYTE = 64
const LOOKS_PER_CHUNK = 512

/**
 * A copy of `bytes` that counts how often it is looked at, and throws beyond a bound that follows from its
 * length: an endless loop ends by steps, not by time.
 */
export function countedBuffer(bytes: Uint8Array): Buffer {
  const buffer = Buffer.from(bytes)
  let left = LOOKS_PER_CHUNK + LOOKS_PER_BYTE * buffer.length
  return new Proxy(buffer, {
    get(target, key) {
      if (--left < 0) throw new Error(`more than ${LOOKS_PER_BYTE} looks at a byte: an endless loop`)
      const value: unknown = Reflect.get(target, key, target)
      // Methods of a typed array work on the array itself only.
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
