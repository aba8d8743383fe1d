import { decimal, EXACT_DIGITS } from '../http/decimal.ts'
import type { HeadLimits } from '../http/head-limits.ts'
import type { Fields } from '../http/message.ts'
import { parseSpelling, type Spelling } from '../http/spelling.ts'
import type { FieldSink } from './hpack/decoder.ts'
import {
  AUTHORITY,
  BAD_BYTES,
  CONNECTION_SPECIFIC,
  CONTENT_LENGTH,
  COOKIE,
  HOST,
  METHOD,
  PATH,
  PROTOCOL,
  REGULAR,
  SCHEME,
  SPELLING,
  STATUS,
  TE,
  trimmed,
  type FieldKind,
} from './hpack/field-kind.ts'

const FIELD_OVERHEAD = 32
/** A block that unpacks to so much beyond the limit was made to. */
const BOMB_BYTES = 1024 * 1024

/** `content-length` of a message that has none, or none that is a number. */
export const UNKNOWN_LENGTH = -1

/**
 * One decoded header block, reused for every block of a connection: takes the fields apart as they are
 * decoded and notes the first thing that makes the message malformed (RFC 9113 section 8.1.1). Fields
 * beyond the limits are dropped, so that a small block cannot become a large list.
 */
export class FieldBlock implements FieldSink {
  fields: Fields = []
  /** How HTTP/1.1 writes their names, where the peer may say so and did. */
  spelling: Spelling | undefined = undefined
  method = ''
  scheme = ''
  authority = ''
  path = ''
  protocol = ''
  status = ''
  host = ''
  contentLength = UNKNOWN_LENGTH
  /** What is wrong, or ''. */
  fault = ''
  tooLarge = false
  readonly #maxBytes: number
  readonly #maxFields: number
  readonly #takesSpelling: boolean
  #seen = 0
  #regular = false
  #bytes = 0
  #cookieAt = -1

  /** `takesSpelling`: the peer may say how names are written; otherwise what it says is dropped. */
  constructor({ maxBytes, maxFields }: HeadLimits, takesSpelling: boolean) {
    this.#maxBytes = maxBytes
    this.#maxFields = maxFields
    this.#takesSpelling = takesSpelling
  }

  begin(): void {
    this.fields = []
    this.spelling = undefined
    this.#bytes = 0
    this.#regular = false
    this.fault = ''
    this.tooLarge = false
    this.contentLength = UNKNOWN_LENGTH
    this.#cookieAt = -1
    if (this.#seen === 0) return
    this.#seen = 0
    this.method = this.scheme = this.authority = this.path = this.protocol = this.status = this.host = ''
  }

  /** Whether the block held this pseudo field (or HOST). */
  has(kind: FieldKind): boolean {
    return (this.#seen & (1 << kind)) !== 0
  }

  get hasPseudo(): boolean {
    return (this.#seen & ~(1 << HOST)) !== 0
  }

  /** It unpacks to far more than anybody sends in good faith (CVE-2016-6581). */
  get bomb(): boolean {
    return this.#bytes > this.#maxBytes + BOMB_BYTES
  }

  add(kind: FieldKind, name: string, value: string): void {
    this.#bytes += name.length + value.length + FIELD_OVERHEAD
    if (this.#bytes > this.#maxBytes) {
      this.tooLarge = true
      return
    }
    if (kind === REGULAR) {
      this.#regular = true
      this.#push(name, trimmed(value))
    } else if (kind <= STATUS) this.#pseudo(kind, value)
    else this.#special(kind, name, trimmed(value))
  }

  #push(name: string, value: string): void {
    if (this.fields.length >= this.#maxFields * 2) this.tooLarge = true
    else this.fields.push(name, value)
  }

  #pseudo(kind: FieldKind, value: string): void {
    const bit = 1 << kind
    if ((this.#seen & bit) !== 0) this.#fail('a pseudo field is repeated')
    if (this.#regular) this.#fail('a pseudo field follows a regular one')
    this.#seen |= bit
    if (kind === METHOD) this.method = value
    else if (kind === PATH) this.path = value
    else if (kind === AUTHORITY) this.authority = value
    else if (kind === SCHEME) this.scheme = value
    else if (kind === STATUS) this.status = value
    else if (kind === PROTOCOL) this.protocol = value
  }

  #special(kind: FieldKind, name: string, value: string): void {
    if (kind === BAD_BYTES) return this.#fail('a field has forbidden bytes')
    if (kind === CONNECTION_SPECIFIC) return this.#fail(`${name} is connection-specific`)
    if (kind === HOST) {
      this.#regular = true
      if (this.has(HOST)) this.#fail('host is repeated')
      this.#seen |= 1 << HOST
      this.host = value
    } else if (kind === TE) {
      this.#regular = true
      if (value !== 'trailers') return this.#fail('te is not "trailers"')
      this.#push(name, value)
    } else if (kind === COOKIE) {
      this.#regular = true
      // Section 8.2.3: crumbs are one field for everybody else.
      if (this.#cookieAt < 0) {
        this.#cookieAt = this.fields.length + 1
        this.#push(name, value)
      } else if (!this.tooLarge) this.fields[this.#cookieAt] += '; ' + value
    } else if (kind === CONTENT_LENGTH) {
      this.#regular = true
      if (this.contentLength !== UNKNOWN_LENGTH) return this.#fail('content-length is repeated')
      this.contentLength = decimal(value, EXACT_DIGITS)
      if (this.contentLength === UNKNOWN_LENGTH) return this.#fail('content-length is no number')
      this.#push(name, value)
    } else if (kind === SPELLING) {
      this.#regular = true
      if (this.#takesSpelling) this.spelling = parseSpelling(value)
    } else this.#fail('an unknown pseudo field')
  }

  #fail(fault: string): void {
    if (this.fault === '') this.fault = fault
  }
}
