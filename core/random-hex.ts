import { randomFillSync } from 'node:crypto'

// One call to the kernel, and one conversion to text, for many.
const pool = Buffer.alloc(4096)
let digits = ''
let used = 0

/** Random bytes as lower-case hex digits, for identifiers: no secret. At most 4096 bytes. */
export function randomHex(bytes: number): string {
  if (used + bytes * 2 > digits.length) {
    digits = randomFillSync(pool).toString('hex')
    used = 0
  }
  const hex = digits.slice(used, used + bytes * 2)
  used += bytes * 2
  return hex
}

const VARIANTS = '89ab'

/** A random UUID (RFC 9562 section 5.4), for identifiers: no secret. */
export function randomUuid(): string {
  const hex = randomHex(16)
  const variant = VARIANTS[Number.parseInt(hex[16] as string, 16) & 3] as string
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
}
