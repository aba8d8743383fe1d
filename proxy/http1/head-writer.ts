import { decimal, EXACT_DIGITS } from '../http/decimal.ts'
import type { Fields } from '../http/message.ts'
import { spellingOfTrailers, type Spelling } from '../http/spelling.ts'
import type { Transport } from '../transport/transport.ts'
import { CONTENT_LENGTH, EXPECT, INVALID, kindOfName, PLAIN, TE } from './field-names.ts'

/**
 * Heads are joined as one string, written at once, and then looked over as bytes: whatever a field holds
 * that came by another protocol, it cannot end a line (RFC 9112 section 11.1). Nothing that fails is sent.
 */

// What a byte adds: more than the CRs and LFs that we meant means that a field brought its own.
const WEIGHTS = new Uint8Array(256)
for (let c = 0; c < 32; c++) WEIGHTS[c] = 16
WEIGHTS[127] = 16
WEIGHTS[9] = 0
WEIGHTS[13] = 1
WEIGHTS[10] = 1

export const NO_LENGTH = -1

/** The head of one message on its way out. Reused: it is written or given up before the next one begins. */
export class HeadWriter {
  /** The content-length of its fields, or `NO_LENGTH`. */
  contentLength = NO_LENGTH
  /** A `te` field stands in it, and is to be named by Connection. */
  hasTe = false
  #text = ''
  #lines = 0
  #spelling: Spelling | undefined

  /** Begins with `line`, that has its CRLF. `spelling`: how names are written; undefined: in lower case. */
  begin(line: string, spelling: Spelling | undefined): void {
    this.#text = line
    this.#lines = 1
    this.#spelling = spelling
  }

  /**
   * Adds field lines; false where a name is no token, or content-length is not one number. Fields of the connection
   * are left out: the codec adds its own by `line`. `withLength`: a content-length is sent, not only read.
   */
  fields(fields: Fields, withLength: boolean): boolean {
    let length = NO_LENGTH
    let hasTe = false
    let text = this.#text
    let lines = this.#lines
    const spelling = this.#spelling
    // Fields mostly stand in the order in which their names were written.
    let place = 0
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string
      const value = fields[i + 1] as string
      const kind = kindOfName(name)
      if (kind !== PLAIN && kind !== EXPECT) {
        if (kind === INVALID) return false
        if (kind === CONTENT_LENGTH) {
          if (length !== NO_LENGTH) return false
          length = decimal(value, EXACT_DIGITS)
          if (length < 0) return false
          if (!withLength) continue
        } else if (kind === TE && value === 'trailers') hasTe = true
        else continue
      }
      let written = name
      if (spelling !== undefined) {
        const at = spelling.names[place] === name ? place : spelling.placeOf(name)
        if (at >= 0) {
          written = (spelling.written[at] as string) || spelling.at(fields, i)
          place = at + 1
        }
      }
      text += written + ': ' + value + '\r\n'
      lines++
    }
    this.contentLength = length
    this.hasTe = hasTe
    this.#text = text
    this.#lines = lines
    return true
  }

  /** Adds a line of our own. */
  line(name: string, value: string): void {
    const written = this.#spelling === undefined ? name : this.#spelling.of(name)
    this.#text += written + ': ' + value + '\r\n'
    this.#lines++
  }

  /** Writes the head and the empty line after it; false, and nothing written, where a line is broken. */
  write(transport: Transport): boolean {
    const text = this.#text
    const size = text.length + 2
    const { buffer, at } = transport.reserve(size)
    buffer.write(text, at, text.length, 'latin1')
    const end = at + text.length
    let weight = 0
    for (let i = at; i < end; i++) weight += WEIGHTS[buffer[i] as number] as number
    if (weight !== this.#lines * 2) return false
    buffer[end] = 13
    buffer[end + 1] = 10
    transport.commit(size)
    return true
  }
}

/** Trailer lines, or undefined where one is broken. Those that may not stand there are left out. */
export function trailerText(fields: Fields): string | undefined {
  const spelling = spellingOfTrailers(fields)
  let text = ''
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string
    const value = fields[i + 1] as string
    const kind = kindOfName(name)
    if (kind === INVALID || !isValue(value)) return undefined
    if (kind === PLAIN)
      text += (spelling === undefined ? name : spelling.at(fields, i)) + ': ' + value + '\r\n'
  }
  return text
}

function isValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 255 || WEIGHTS[c] !== 0) return false
  }
  return true
}
