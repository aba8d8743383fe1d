import type { Fields } from '../http/message.ts'
import type { Transport } from '../transport/transport.ts'
import { CONTENT_LENGTH, EXPECT, INVALID, kindOfName, PLAIN, TE } from './field-names.ts'
import { MAX_LENGTH_DIGITS } from './limits.ts'

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

/** What `appendFields` found: the content-length, or `NO_LENGTH`. */
export let statedLength = NO_LENGTH
/** Lines of the head under way. */
let lines = 0
/** A `te` field stands in it, and is to be named by Connection. */
export let statesTe = false

/**
 * `startLine` (with CRLF) and the field lines; undefined where a name is no token, or content-length is not
 * one number. Fields of the connection are left out: the codec adds its own by `appendLine`.
 */
export function headText(startLine: string, fields: Fields, withLength: boolean): string | undefined {
  statedLength = NO_LENGTH
  statesTe = false
  lines = 1
  let text = startLine
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string
    const value = fields[i + 1] as string
    const kind = kindOfName(name)
    if (kind !== PLAIN && kind !== EXPECT) {
      if (kind === INVALID) return undefined
      if (kind === CONTENT_LENGTH) {
        if (statedLength !== NO_LENGTH) return undefined
        statedLength = decimal(value)
        if (statedLength < 0) return undefined
        if (!withLength) continue
      } else if (kind === TE && value === 'trailers') statesTe = true
      else continue
    }
    text += name + ': ' + value + '\r\n'
    lines++
  }
  return text
}

/** A line of our own: `text` ends in CRLF. */
export function appendLine(text: string, line: string): string {
  lines++
  return text + line
}

/** Writes the head and the empty line after it; false, and nothing written, where a line is broken. */
export function writeHead(transport: Transport, text: string): boolean {
  const size = text.length + 2
  const { buffer, at } = transport.reserve(size)
  buffer.write(text, at, text.length, 'latin1')
  const end = at + text.length
  let weight = 0
  for (let i = at; i < end; i++) weight += WEIGHTS[buffer[i] as number] as number
  if (weight !== lines * 2) return false
  buffer[end] = 13
  buffer[end + 1] = 10
  transport.commit(size)
  return true
}

/** Trailer lines, or undefined where one is broken. Those that may not stand there are left out. */
export function trailerText(fields: Fields): string | undefined {
  let text = ''
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string
    const value = fields[i + 1] as string
    const kind = kindOfName(name)
    if (kind === INVALID || !isValue(value)) return undefined
    if (kind === PLAIN) text += name + ': ' + value + '\r\n'
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

function decimal(value: string): number {
  if (value.length === 0 || value.length > MAX_LENGTH_DIGITS) return -2
  let number = 0
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i)
    if (c < 48 || c > 57) return -2
    number = number * 10 + c - 48
  }
  return number
}
