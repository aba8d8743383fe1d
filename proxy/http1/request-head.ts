import type { HeadLimits } from '../http/head-limits.ts'
import type { RequestHead } from '../http/message.ts'
import { hidesRequests } from '../http/upgrade.ts'
import { comparable, isAuthority } from './authority.ts'
import { SP, TARGET, TOKEN_LOWER } from './characters.ts'
import { CLOSE, KEEP, listOf, UPGRADES } from './connection-options.ts'
import { FieldLines, INCOMPLETE } from './field-lines.ts'
import { BlockText } from './block-text.ts'
import { HeadFacts, readFields } from './head-fields.ts'
import type { ParsedHead } from './head-reader.ts'
import { malformed, MessageError } from './message-error.ts'

const LONGEST_METHOD = 32
const SLASH = 47
const DIGIT = 63
// `?` stands for a digit.
const VERSION = Buffer.from('HTTP/?.?\r\n')

export interface ParsedRequest extends ParsedHead {
  head: RequestHead
  /** HTTP/1.0. */
  http10: boolean
  expectContinue: boolean
}

const lines = new FieldLines()
const facts = new HeadFacts()
const text = new BlockText()
const parsed: ParsedRequest = {
  head: { method: '', scheme: '', authority: '', path: '', fields: [], spelling: undefined, upgrade: '' },
  end: 0,
  http10: false,
  keepAlive: true,
  chunked: false,
  contentLength: -1,
  expectContinue: false,
}

/**
 * Parses a head (RFC 9112 sections 3 and 5) that starts at `at`; undefined where `to` comes before its end.
 * Throws MessageError.
 */
export function parseRequestHead(
  bytes: Buffer,
  at: number,
  to: number,
  scheme: string,
  limits: HeadLimits,
): ParsedRequest | undefined {
  let pos = at
  while (pos < to && TOKEN_LOWER[bytes[pos] as number] !== 0) pos++
  if (pos - at > LONGEST_METHOD) throw new MessageError(501, 'method', 'the method is too long')
  if (pos === to) return undefined
  if (bytes[pos] !== SP || pos === at) throw badLine('the method must be a token followed by one space')
  const methodTo = pos++
  while (pos < to && TARGET[bytes[pos] as number] === 1) pos++
  if (pos - at > limits.maxBytes) throw targetTooLong(limits)
  if (pos === to) return undefined
  if (bytes[pos] !== SP || pos === methodTo + 1) throw badLine('the target must be visible ASCII without "#"')
  const targetTo = pos++
  for (let i = 0; i < 10; i++, pos++) {
    if (pos === to) return undefined
    const c = bytes[pos] as number
    const wanted = VERSION[i] as number
    if (c !== wanted && (wanted !== DIGIT || c < 48 || c > 57)) {
      throw badLine('the line must end in HTTP/1.1 or HTTP/1.0 and CRLF')
    }
  }
  const minor = (bytes[targetTo + 8] as number) - 48
  if (bytes[targetTo + 6] !== 49 || minor > 1) {
    throw new MessageError(505, 'version', 'only HTTP/1.1 and HTTP/1.0 are served here')
  }
  const http10 = minor === 0
  const end = lines.scan(bytes, pos, to, limits.maxFields)
  if (end === INCOMPLETE) return undefined
  if (end - at > limits.maxBytes) throw headTooLarge(limits)

  text.set(bytes, at, end)
  readFields(text, lines, facts)
  const head: RequestHead = {
    method: text.piece(at, methodTo),
    scheme,
    authority: '',
    path: text.piece(methodTo + 1, targetTo),
    fields: facts.fields,
    spelling: facts.spelling,
    upgrade: '',
  }
  const host = facts.host
  if (host !== undefined) {
    if (!isAuthority(host)) throw malformed('host', 'must be a host and perhaps a port', 'host')
    head.authority = host
  } else if (!http10) throw malformed('missing_host', 'must stand in an HTTP/1.1 request', 'host')
  // RFC 9113 section 3.4 reserves it, and haproxy and Node take it for HTTP/2.
  if (head.method === 'PRI') throw badLine('the method PRI belongs to HTTP/2')
  if (head.method === 'CONNECT') readAuthorityForm(head)
  else if (head.path.charCodeAt(0) !== SLASH) readOtherForm(head, host)
  if (facts.chunked && http10) {
    // RFC 9112 section 6.1: somebody on the way did not understand the framing.
    throw malformed('old_chunked', 'may not stand in an HTTP/1.0 request', 'transfer-encoding')
  }
  const connection = facts.connection
  // RFC 9110 section 7.8: not from HTTP/1.0, and may be ignored; with a body we do.
  if (facts.upgrade !== '' && (connection & UPGRADES) !== 0 && !http10) {
    if (!facts.chunked && facts.contentLength <= 0 && head.method !== 'CONNECT')
      head.upgrade = chosen(facts.upgrade)
  }
  parsed.head = head
  parsed.end = end
  parsed.http10 = http10
  parsed.keepAlive = (connection & CLOSE) === 0 && (!http10 || (connection & KEEP) !== 0)
  parsed.chunked = facts.chunked
  parsed.contentLength = facts.contentLength
  parsed.expectContinue = facts.expectContinue && !http10
  return parsed
}

/** RFC 9112 section 3.2.3; RFC 9110 section 9.3.6: the content of a CONNECT has no meaning. */
function readAuthorityForm(head: RequestHead): void {
  const target = head.path
  const colon = target.lastIndexOf(':')
  if (colon <= 0 || colon === target.length - 1 || !isAuthority(target)) {
    throw badLine('CONNECT needs host:port as its target')
  }
  if (facts.chunked || facts.contentLength > 0) throw malformed('connect_body', 'CONNECT can have no body')
  head.authority = target
  head.path = ''
}

/** Absolute-form and asterisk-form, RFC 9112 sections 3.2.2 and 3.2.4. */
function readOtherForm(head: RequestHead, host: string | undefined): void {
  const target = head.path
  if (target === '*') {
    if (head.method !== 'OPTIONS') throw badLine('the target * belongs to OPTIONS')
    return
  }
  const start = target.slice(0, 8).toLowerCase()
  const scheme = start === 'https://' ? 'https' : start.startsWith('http://') ? 'http' : ''
  if (scheme === '') throw badLine('the target must start with /, http:// or https://')
  const from = scheme.length + 3
  let to = from
  while (to < target.length && target.charCodeAt(to) !== SLASH && target[to] !== '?') to++
  const authority = target.slice(from, to)
  if (authority === '' || !isAuthority(authority)) throw badLine('the target has no valid host')
  // RFC 9112 section 3.2.2 says to ignore Host; where the two differ somebody is to be fooled.
  if (host !== undefined && comparable(host, scheme) !== comparable(authority, scheme)) {
    throw malformed('host_contradicts_target', 'must be the host of the target', 'host')
  }
  const rest = target.slice(to)
  head.scheme = scheme
  head.authority = authority
  head.path = rest === '' ? (head.method === 'OPTIONS' ? '*' : '/') : rest.startsWith('?') ? `/${rest}` : rest
}

/** One protocol of an Upgrade list: the first that this proxy can carry without speaking it. */
function chosen(value: string): string {
  for (const protocol of listOf(value)) {
    if (hidesRequests(protocol)) continue
    for (let i = 0; i < protocol.length; i++) {
      const c = protocol.charCodeAt(i)
      if (TOKEN_LOWER[c] === 0 && c !== SLASH) return ''
    }
    return protocol
  }
  return ''
}

/** 414: the request line alone is beyond what a head may have. */
export function targetTooLong({ maxBytes }: HeadLimits): MessageError {
  return new MessageError(414, 'target_too_long', `the target is too long for a head of ${maxBytes} bytes`)
}

/** 431. */
export function headTooLarge({ maxBytes }: HeadLimits): MessageError {
  return new MessageError(431, 'head_too_large', `the head is above ${maxBytes} bytes`)
}

function badLine(message: string): MessageError {
  return malformed('request_line', message, 'request line')
}
