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
const uuidBytes = Buffer.alloc(16 * UUIDS)
const uuidText = Buffer.alloc(UUID_LENGTH * UUIDS, '-')
let uuids = ''
let uuidAt = 0

/** A random UUID (RFC 9562 section 5.4), for identifiers: no secret. A slice of a longer text, at the price of that alone. */
export function randomUuid(): string {
  if (uuidAt === uuids.length) {
    uuids = newUuids()
    uuidAt = 0
  }
  return uuids.slice(uuidAt, (uuidAt += UUID_LENGTH))
}

const DIGITS = Buffer.from('0123456789abcdef', 'latin1')
const HYPHENS_BEFORE = new Set([4, 6, 8, 10])

function newUuids(): string {
  randomFillSync(uuidBytes)
  let at = 0
  for (let i = 0; i < uuidBytes.length; i++) {
    const place = i % 16
    let byte = uuidBytes[i] as number
    if (place === 6) byte = 0x40 | (byte & 0x0f)
    if (place === 8) byte = 0x80 | (byte & 0x3f)
    if (HYPHENS_BEFORE.has(place)) at++
    uuidText[at++] = DIGITS[byte >> 4] as number
    uuidText[at++] = DIGITS[byte & 15] as number
  }
  return uuidText.toString('latin1')
}
