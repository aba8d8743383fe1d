import type { Fields } from '../http/message.ts'
import { BadMessage } from './bad-message.ts'
import { lowerCase, TOKEN, VALUE } from './characters.ts'

export const MAX_FIELDS = 100

/**
 * The end-to-end fields of a header block, and what the connection-specific ones said. Everything that
 * two parsers could read in two ways is refused (RFC 9112 sections 5 and 6.3).
 */
export class FieldBlock {
  fields: Fields = []
  /** Undefined: no Host field. */
  host: string | undefined
  /** -1: none. */
  contentLength = -1
  chunked = false
  close = false
  keepAlive = false
  /** Seconds of `Keep-Alive: timeout=`, or -1. */
  keepAliveTimeout = -1
  /** Value of Upgrade if Connection names it, or ''. */
  upgrade = ''
}

/** Parses `text` from `at` to `end`, where the empty line begins. Throws BadMessage. */
export function parseFields(text: string, at: number, end: number): FieldBlock {
  const block = new FieldBlock()
  const fields = block.fields
  let transferEncoding: string | undefined
  let connection: string | undefined
  let upgrade: string | undefined
  let keepAlive: string | undefined
  let te: string | undefined
  let count = 0
  while (at < end) {
    if (++count > MAX_FIELDS) throw new BadMessage(`more than ${MAX_FIELDS} header fields`, 431)
    let colon = at
    while (colon < end && TOKEN[text.charCodeAt(colon)] === 1) colon++
    if (colon === at || text.charCodeAt(colon) !== 0x3a) throw badName(text, at, colon)
    const name = lowerCase(text.slice(at, colon))
    const lineEnd = text.indexOf('\r', colon)
    let from = colon + 1
    let to = lineEnd < 0 || lineEnd > end ? end : lineEnd
    at = to + 2
    while (from < to && isBlank(text.charCodeAt(from))) from++
    while (to > from && isBlank(text.charCodeAt(to - 1))) to--
    for (let i = from; i < to; i++)
      if (VALUE[text.charCodeAt(i)] !== 1) throw new BadMessage(`control character in the value of ${name}`)
    const value = text.slice(from, to)
    switch (name) {
      case 'host':
        if (block.host !== undefined) throw new BadMessage('more than one Host field')
        block.host = value
        break
      case 'content-length':
        if (block.contentLength >= 0) throw new BadMessage('more than one Content-Length field')
        block.contentLength = parseLength(value)
        fields.push(name, value)
        break
      case 'transfer-encoding':
        if (transferEncoding !== undefined) throw new BadMessage('more than one Transfer-Encoding field')
        transferEncoding = value
        break
      case 'connection':
        connection = connection === undefined ? value : `${connection},${value}`
        break
      case 'keep-alive':
        keepAlive = value
        break
      case 'proxy-connection':
        break
      case 'upgrade':
        upgrade = upgrade === undefined ? value : `${upgrade},${value}`
        break
      case 'te':
        te = te === undefined ? value : `${te},${value}`
        break
      default:
        fields.push(name, value)
    }
  }
  if (transferEncoding !== undefined) {
    // RFC 9112 section 6.1: chunked alone is what everybody frames alike.
    if (transferEncoding.toLowerCase() !== 'chunked')
      throw new BadMessage('Transfer-Encoding is not exactly "chunked"', 501)
    if (block.contentLength >= 0) throw new BadMessage('both Transfer-Encoding and Content-Length')
    block.chunked = true
  }
  if (te !== undefined && /(^|,)[\t ]*trailers[\t ]*(,|;|$)/i.test(te)) fields.push('te', 'trailers')
  if (connection !== undefined) readConnection(block, connection, upgrade)
  if (keepAlive !== undefined) {
    const timeout = /(?:^|[,\s])timeout=(\d{1,6})/i.exec(keepAlive)
    if (timeout) block.keepAliveTimeout = Number(timeout[1])
  }
  return block
}

// RFC 9110 section 7.6.1: Connection removes what it names. Not these: a caller could otherwise strip what a later
// hop decides by.
const NEVER_REMOVED = new Set([
  'content-length',
  'content-type',
  'host',
  'authorization',
  'cookie',
  'set-cookie',
  'te',
])

function readConnection(block: FieldBlock, connection: string, upgrade: string | undefined): void {
  for (const part of connection.split(',')) {
    const token = lowerCase(part.trim())
    switch (token) {
      case '':
        break
      case 'close':
        block.close = true
        break
      case 'keep-alive':
        block.keepAlive = true
        break
      case 'upgrade':
        if (upgrade !== undefined && upgrade !== '') block.upgrade = upgrade.toLowerCase()
        break
      default:
        if (!NEVER_REMOVED.has(token) && !token.startsWith('x-forwarded-') && block.fields.includes(token))
          removeNamed(block.fields, token)
    }
  }
}

function removeNamed(fields: Fields, name: string): void {
  let kept = 0
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) continue
    fields[kept++] = fields[i] as string
    fields[kept++] = fields[i + 1] as string
  }
  fields.length = kept
}

function parseLength(value: string): number {
  // RFC 9110 section 8.6: 1*DIGIT; a list of equal values is refused here, for others read it otherwise.
  if (!/^\d{1,15}$/.test(value)) throw new BadMessage('Content-Length is not a number')
  return Number(value)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function badName(text: string, at: number, colon: number): BadMessage {
  const first = text.charCodeAt(at)
  if (isBlank(first)) return new BadMessage('a header line starts with white space (obs-fold)')
  if (isBlank(text.charCodeAt(colon))) return new BadMessage('white space before the colon of a header field')
  return new BadMessage('malformed header field name')
}
