/** Which bytes may stand where, as tables: one load a byte. */

export const CR = 13
export const LF = 10
export const SP = 32
export const HTAB = 9
export const COLON = 58

function table(of: (byte: number) => number): Uint8Array {
  const bytes = new Uint8Array(256)
  for (let i = 0; i < 256; i++) bytes[i] = of(i)
  return bytes
}

const isDigit = (c: number) => c >= 48 && c <= 57
const isUpper = (c: number) => c >= 65 && c <= 90
const isLower = (c: number) => c >= 97 && c <= 122
const isAlphanumeric = (c: number) => isDigit(c) || isUpper(c) || isLower(c)
const among = (characters: string) => (c: number) => c < 128 && characters.includes(String.fromCharCode(c))
const isTokenMark = among("!#$%&'*+-.^_`|~")
const isAuthorityMark = among("-._~!$&'()*+,;=:[]%")

/** A token character (RFC 9110 section 5.6.2) as its lower case; 0: not one. */
export const TOKEN_LOWER = table((c) => (isUpper(c) ? c + 32 : isAlphanumeric(c) || isTokenMark(c) ? c : 0))

/** A byte of a field value (RFC 9110 section 5.5): HTAB, SP, visible, obs-text. */
export const VALUE = table((c) => (c === HTAB || (c >= 32 && c !== 127) ? 1 : 0))

/** A byte of a request target: visible ASCII without '#', since a fragment is never sent (RFC 9112 section 3.2). */
export const TARGET = table((c) => (c > 32 && c < 127 && c !== 35 ? 1 : 0))

/** A byte of host and port (RFC 3986 section 3.2) without user information. */
export const AUTHORITY = table((c) => (isAlphanumeric(c) || isAuthorityMark(c) ? 1 : 0))

/** Value of a hexadecimal digit; 255: not one. */
export const HEX = table((c) =>
  isDigit(c) ? c - 48 : c >= 65 && c <= 70 ? c - 55 : c >= 97 && c <= 102 ? c - 87 : 255,
)

/** True where every character of `text` is in `allowed`; false for an empty text. */
export function consistsOf(text: string, allowed: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 255 || allowed[c] === 0) return false
  }
  return text.length > 0
}
