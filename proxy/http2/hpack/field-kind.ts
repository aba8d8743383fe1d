import { SPELLING_HEADER } from '../../../core/contract.ts'

/**
 * What a field means to HTTP/2 (RFC 9113 section 8). Computed once where a field enters a table, so that
 * an indexed field is neither looked up nor checked again.
 */
export type FieldKind = number

export const REGULAR = 0
export const METHOD = 1
export const SCHEME = 2
export const AUTHORITY = 3
export const PATH = 4
export const PROTOCOL = 5
export const STATUS = 6
export const HOST = 7
export const TE = 8
export const COOKIE = 9
export const CONTENT_LENGTH = 10
/** A connection-specific field (section 8.2.2), which makes the message malformed. */
export const CONNECTION_SPECIFIC = 11
/** A pseudo field that no version of the protocol knows. */
export const UNKNOWN_PSEUDO = 12
/** A name or value with bytes that section 8.2.1 forbids. */
export const BAD_BYTES = 13
/** How the names of the message are written: a link's, and nobody else's. */
export const SPELLING = 14

const SPECIAL = new Map<string, FieldKind>([
  [':method', METHOD],
  [':scheme', SCHEME],
  [':authority', AUTHORITY],
  [':path', PATH],
  [':protocol', PROTOCOL],
  [':status', STATUS],
  ['host', HOST],
  ['te', TE],
  ['cookie', COOKIE],
  ['content-length', CONTENT_LENGTH],
  ['connection', CONNECTION_SPECIFIC],
  ['proxy-connection', CONNECTION_SPECIFIC],
  ['keep-alive', CONNECTION_SPECIFIC],
  ['transfer-encoding', CONNECTION_SPECIFIC],
  ['upgrade', CONNECTION_SPECIFIC],
  [SPELLING_HEADER, SPELLING],
])

// Token characters (RFC 9110 section 5.6.2) without upper case.
const NAME_CHARS = new Uint8Array(256)
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") NAME_CHARS[char.charCodeAt(0)] = 1

/** Kind of a field by its name; BAD_BYTES for a name that is no lower-case token. */
export function kindOfName(name: string): FieldKind {
  const special = SPECIAL.get(name)
  if (special !== undefined) return special
  if (name.length === 0) return BAD_BYTES
  for (let i = 0; i < name.length; i++)
    if (NAME_CHARS[name.charCodeAt(i)] !== 1) return i === 0 && name[0] === ':' ? UNKNOWN_PSEUDO : BAD_BYTES
  return REGULAR
}

/**
 * Whether `from..to` may be a field's value: no control byte but HTAB (stricter than RFC 9113 section
 * 8.2.1, so that a value is always fit for HTTP/1.1 too). White space at its ends is taken off where it is read.
 */
export function isCleanValue(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number
    if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return false
  }
  return true
}

/**
 * `value` without white space at its ends. RFC 9113 section 8.2.1 calls such a field malformed, and many send it: gRPC
 * servers whose `grpc-message` ends in a blank. HTTP/1.1 takes it off (RFC 9112 section 5.1), and so does this.
 */
export function trimmed(value: string): string {
  let from = 0
  let to = value.length
  while (from < to && isBlank(value.charCodeAt(from))) from++
  while (to > from && isBlank(value.charCodeAt(to - 1))) to--
  return from === 0 && to === value.length ? value : value.slice(from, to)
}

function isBlank(char: number): boolean {
  return char === 0x20 || char === 0x09
}
