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

const UUID_LENGTH = 36
/** Made at once: one that is kept keeps the text of all of them. */
const UUIDS = 64
let uuids = ''
let uuidAt = 0

/** A random UUID (RFC 9562 section 5.4), for identifiers: no secret. A slice of a longer text, at the price of that alone. */
export function randomUuid(): string {
  if (uuidAt === uuids.length) {
    uuids = Array.from({ length: UUIDS }, newUuid).join('')
    uuidAt = 0
  }
  return uuids.slice(uuidAt, (uuidAt += UUID_LENGTH))
}

const VARIANTS = '89ab'

function newUuid(): string {
  const hex = randomHex(16)
  const variant = VARIANTS[Number.parseInt(hex[16] as string, 16) & 3] as string
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
}
