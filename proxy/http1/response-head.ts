import type { HeadLimits } from '../http/head-limits.ts'
import type { ResponseHead } from '../http/message.ts'
import { CR, LF, SP, VALUE } from './characters.ts'
import { CLOSE, KEEP } from './connection-options.ts'
import { FieldLines, INCOMPLETE } from './field-lines.ts'
import { BlockText } from './block-text.ts'
import { HeadFacts, readFields } from './head-fields.ts'
import type { ParsedHead } from './head-reader.ts'
import { malformed, type MessageError } from './message-error.ts'

const VERSION = Buffer.from('HTTP/1.')

export interface ParsedResponse extends ParsedHead {
  head: ResponseHead
  /** Value of Upgrade, '' without. */
  upgrade: string
  /** -1: not said. */
  keepAliveSeconds: number
}

const lines = new FieldLines()
const facts = new HeadFacts()
const text = new BlockText()
const parsed: ParsedResponse = {
  head: { status: 0, fields: [], spelling: undefined },
  end: 0,
  keepAlive: true,
  chunked: false,
  contentLength: -1,
  upgrade: '',
  keepAliveSeconds: -1,
}

/**
 * Parses a status line (RFC 9112 section 4) and fields that start at `at`; undefined where `to` comes before
 * their end. Throws MessageError.
 */
export function parseResponseHead(
  bytes: Buffer,
  at: number,
  to: number,
  limits: HeadLimits,
): ParsedResponse | undefined {
  let pos = at
  for (let i = 0; i < 9; i++, pos++) {
    if (pos === to) return undefined
    const c = bytes[pos] as number
    if (i < 7 ? c !== VERSION[i] : i === 7 ? c !== 48 && c !== 49 : c !== SP) throw badLine()
  }
  const http10 = bytes[at + 7] === 48
  let status = 0
  for (let i = 0; i < 3; i++, pos++) {
    if (pos === to) return undefined
    const digit = (bytes[pos] as number) - 48
    if (digit < 0 || digit > 9) throw badLine()
    status = status * 10 + digit
  }
  if (status < 100) throw badLine()
  // Many servers leave out the space before an empty reason.
  if (pos < to && bytes[pos] !== SP && bytes[pos] !== CR) throw badLine()
  while (pos < to && VALUE[bytes[pos] as number] === 1) pos++
  if (pos + 1 >= to) return undefined
  if (bytes[pos] !== CR || bytes[pos + 1] !== LF) throw badLine()
  const end = lines.scan(bytes, pos + 2, to, limits.maxFields)
  if (end === INCOMPLETE) return undefined
  if (end - at > limits.maxBytes) throw answerTooLarge(limits)

  text.set(bytes, at, end)
  readFields(text, lines, facts)
  if (facts.chunked && http10) {
    throw malformed('old_chunked', 'may not stand in an HTTP/1.0 response', 'transfer-encoding')
  }
  const connection = facts.connection
  parsed.end = end
  parsed.head = { status, fields: facts.fields, spelling: facts.spelling }
  parsed.keepAlive = (connection & CLOSE) === 0 && (!http10 || (connection & KEEP) !== 0)
  parsed.chunked = facts.chunked
  parsed.contentLength = facts.contentLength
  parsed.upgrade = facts.upgrade
  parsed.keepAliveSeconds = facts.keepAliveSeconds
  return parsed
}

export function answerTooLarge({ maxBytes }: HeadLimits): MessageError {
  return malformed('head_too_large', `the head of the response is above ${maxBytes} bytes`)
}

function badLine(): MessageError {
  return malformed('status_line', 'must be HTTP/1.x, a status of three digits and a reason', 'status line')
}
