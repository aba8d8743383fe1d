import type { RequestHead } from '../http/message.ts'
import { BadMessage } from './bad-message.ts'
import { TARGET, TOKEN } from './characters.ts'
import { parseFields, type FieldBlock } from './field-block.ts'

const METHODS = new Map(
  ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE'].map((m) => [m, m]),
)

export interface ParsedRequest {
  readonly head: RequestHead
  readonly block: FieldBlock
  /** HTTP/1.0. */
  readonly old: boolean
}

/** Parses a whole head with its closing CRLFCRLF (RFC 9112 section 3). Throws BadMessage. */
export function parseRequest(text: string, scheme: string): ParsedRequest {
  const lineEnd = text.indexOf('\r\n')
  const methodEnd = text.indexOf(' ')
  if (methodEnd <= 0 || methodEnd > lineEnd) throw new BadMessage('malformed request line')
  const method = methodOf(text.slice(0, methodEnd))
  const targetEnd = text.indexOf(' ', methodEnd + 1)
  if (targetEnd < 0 || targetEnd > lineEnd || targetEnd === methodEnd + 1)
    throw new BadMessage('malformed request line')
  for (let i = methodEnd + 1; i < targetEnd; i++)
    if (TARGET[text.charCodeAt(i)] !== 1) throw new BadMessage('control character in the request target')
  const old = versionOf(text.slice(targetEnd + 1, lineEnd))
  const block = parseFields(text, lineEnd + 2, text.length - 2)
  const target = text.slice(methodEnd + 1, targetEnd)
  const head: RequestHead = {
    method,
    scheme,
    authority: block.host ?? '',
    path: target,
    fields: block.fields,
    upgrade: '',
  }
  if (block.host !== undefined && !isAuthority(block.host)) throw new BadMessage('malformed Host field')
  if (!old && block.host === undefined) throw new BadMessage('an HTTP/1.1 request without Host')
  readTarget(head, target, block)
  // RFC 9110 section 7.8: ignored in HTTP/1.0; with a body nobody agrees where the new protocol begins.
  if (block.upgrade !== '' && !old && !block.chunked && block.contentLength <= 0) head.upgrade = block.upgrade
  if (old && block.chunked) throw new BadMessage('Transfer-Encoding in an HTTP/1.0 request')
  return { head, block, old }
}

function methodOf(text: string): string {
  const known = METHODS.get(text)
  if (known !== undefined) return known
  if (text.length > 32) throw new BadMessage('the method is too long', 501)
  for (let i = 0; i < text.length; i++)
    if (TOKEN[text.charCodeAt(i)] !== 1) throw new BadMessage('malformed method')
  return text
}

function versionOf(text: string): boolean {
  if (text === 'HTTP/1.1') return false
  if (text === 'HTTP/1.0') return true
  if (/^HTTP\/\d\.\d$/.test(text)) throw new BadMessage('this version of HTTP is not supported', 505)
  throw new BadMessage('malformed request line')
}

/** The four forms of RFC 9112 section 3.2. */
function readTarget(head: RequestHead, target: string, block: FieldBlock): void {
  if (head.method === 'CONNECT') {
    if (!isAuthority(target) || !/:\d{1,5}$/.test(target))
      throw new BadMessage('CONNECT needs host:port as its target')
    if (block.contentLength > 0 || block.chunked) throw new BadMessage('CONNECT with a body')
    head.authority = target
    head.path = ''
    return
  }
  if (target.charCodeAt(0) === 0x2f) {
    if (target.includes('#')) throw new BadMessage('a fragment in the request target')
    return
  }
  if (target === '*') {
    if (head.method !== 'OPTIONS') throw new BadMessage('the target * belongs to OPTIONS')
    return
  }
  const absolute = /^(https?):\/\/([^/?#]+)([^#]*)$/i.exec(target)
  if (!absolute) throw new BadMessage('malformed request target')
  const authority = absolute[2] as string
  if (!isAuthority(authority)) throw new BadMessage('malformed authority in the request target')
  // RFC 9112 section 3.2.2 lets the target win; where both are said and differ somebody is being fooled.
  if (block.host !== undefined && block.host.toLowerCase() !== authority.toLowerCase())
    throw new BadMessage('the request target contradicts Host')
  head.authority = authority
  const rest = absolute[3] as string
  head.path = rest === '' ? (head.method === 'OPTIONS' ? '*' : '/') : rest.startsWith('?') ? `/${rest}` : rest
}

/** uri-host [":" port] without userinfo (RFC 9110 section 7.2), loosely: no delimiter that could end it early. */
function isAuthority(text: string): boolean {
  return text === '' || /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(:\d{0,5})?$/.test(text)
}
