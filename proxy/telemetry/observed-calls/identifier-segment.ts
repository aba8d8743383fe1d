const LONGEST_WORD = 64
/** Names with digits in them: `v1beta1`, `oauth2`, `sha256` are shorter, or have fewer. */
const LONGEST_NAME = 11
const DIGITS_OF_A_NAME = 2
/** Hexadecimal digits without a 0-9 among them make words (`facade`, `defaced`), up to a length. */
const SHORTEST_HEX = 8
const HEX_FOR_SURE = 16
const SHORTEST_TOKEN = 20

const DIGIT = 1
const HEX_LETTER = 2
const LOWER = 4
const UPPER = 8
const DASH = 16
/** Of mail addresses and encoded text; `*` and braces would read as a pattern where the path is written into a policy. */
const NEVER_A_NAME = 32

const CLASSES = new Uint8Array(128)
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code)
  if (char >= '0' && char <= '9') CLASSES[code] = DIGIT
  else if (char >= 'a' && char <= 'z') CLASSES[code] = LOWER | (char <= 'f' ? HEX_LETTER : 0)
  else if (char >= 'A' && char <= 'Z') CLASSES[code] = UPPER | (char <= 'F' ? HEX_LETTER : 0)
  else if (char === '-') CLASSES[code] = DASH
  else if ('@%*{}'.includes(char)) CLASSES[code] = NEVER_A_NAME
}

/**
 * Whether one segment of a path names a thing among many (a number, a UUID, a date, hexadecimal, base64, a mail address)
 * rather than a part of the interface. By its look alone; what looks like a word is told by how many others there are.
 */
export function isIdentifierSegment(segment: string): boolean {
  return isIdentifierAt(segment, 0, segment.length)
}

/** The same of the segment from `start` up to, and without, `end` of a path. */
export function isIdentifierAt(path: string, start: number, end: number): boolean {
  const length = end - start
  if (length === 0) return false
  if (length > LONGEST_WORD) return true
  let digits = 0
  let hexLetters = 0
  let lower = 0
  let upper = 0
  let dashes = 0
  for (let i = start; i < end; i++) {
    const code = path.charCodeAt(i)
    const of = code < 128 ? (CLASSES[code] as number) : NEVER_A_NAME
    if (of === NEVER_A_NAME) return true
    if (of === DIGIT) digits++
    else if (of === DASH) dashes++
    if ((of & HEX_LETTER) !== 0) hexLetters++
    if ((of & LOWER) !== 0) lower++
    else if ((of & UPPER) !== 0) upper++
  }
  if (digits > 0 && digits + dashes === length) return true
  const hex = digits + hexLetters + dashes === length
  if (hex && length >= SHORTEST_HEX && (digits > 0 || length >= HEX_FOR_SURE)) return true
  if (length > LONGEST_NAME && digits > DIGITS_OF_A_NAME) return true
  return length >= SHORTEST_TOKEN && digits > 0 && lower > 0 && upper > 0
}
