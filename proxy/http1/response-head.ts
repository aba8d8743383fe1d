import type { ResponseHead } from '../http/message.ts'
import { CR, LF, SP, VALUE } from './characters.ts'
import { CLOSE, KEEP } from './connection-options.ts'
import { INCOMPLETE, scanFieldLines } from './field-lines.ts'
import { HeadFacts, readFields } from './head-fields.ts'
import { MAX_HEAD_BYTES } from './limits.ts'
import { malformed, type MessageError } from './message-error.ts'

const VERSION = Buffer.from('HTTP/1.')
const facts = new HeadFacts()

/** The response parsed last; used up before the next one. */
export const response = {
  head: undefined as ResponseHead | undefined,
  keepAlive: true,
  chunked: false,
  /** -1: not said. */
  contentLength: -1,
  /** Value of Upgrade, '' without. */
  upgrade: '',
  /** -1: not said. */
  keepAliveSeconds: -1,
}

/**
 * Parses a status line (RFC 9112 section 4) and fields that start at `at`. Returns the offset after them and
 * leaves the result in `response`, or `INCOMPLETE`. Throws MessageError.
 */
export function parseResponseHead(bytes: Buffer, at: number, to: number): number {
  let pos = at
  for (let i = 0; i < 9; i++, pos++) {
    if (pos === to) return INCOMPLETE
    const c = bytes[pos] as number
    if (i < 7 ? c !== VERSION[i] : i === 7 ? c !== 48 && c !== 49 : c !== SP) throw badLine()
  }
  const old = bytes[at + 7] === 48
  let status = 0
  for (let i = 0; i < 3; i++, pos++) {
    if (pos === to) return INCOMPLETE
    const digit = (bytes[pos] as number) - 48
    if (digit < 0 || digit > 9) throw badLine()
    status = status * 10 + digit
  }
  if (status < 100) throw badLine()
  // Many servers leave out the space before an empty reason.
  if (pos < to && bytes[pos] !== SP && bytes[pos] !== CR) throw badLine()
  while (pos < to && VALUE[bytes[pos] as number] === 1) pos++
  if (pos + 1 >= to) return INCOMPLETE
  if (bytes[pos] !== CR || bytes[pos + 1] !== LF) throw badLine()
  const end = scanFieldLines(bytes, pos + 2, to)
  if (end === INCOMPLETE) return INCOMPLETE
  if (end - at > MAX_HEAD_BYTES) throw malformed('head_too_large', 'the head of the response is too large')

  readFields(bytes.toString('latin1', at, end), at, facts)
  if (facts.chunked && old) {
    throw malformed('old_chunked', 'may not stand in an HTTP/1.0 response', 'transfer-encoding')
  }
  const connection = facts.connection
  response.head = { status, fields: facts.fields }
  response.keepAlive = (connection & CLOSE) === 0 && (!old || (connection & KEEP) !== 0)
  response.chunked = facts.chunked
  response.contentLength = facts.contentLength
  response.upgrade = facts.upgrade
  response.keepAliveSeconds = facts.keepAliveSeconds
  return end
}

function badLine(): MessageError {
  return malformed('status_line', 'must be HTTP/1.x, a status of three digits and a reason', 'status line')
}
