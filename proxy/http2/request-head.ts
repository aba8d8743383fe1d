import type { RequestHead } from '../http/message.ts'
import { isAuthority } from '../http1/authority.ts'
import type { FieldBlock } from './field-block.ts'
import { AUTHORITY, METHOD, PATH, PROTOCOL, SCHEME, STATUS } from './hpack/field-kind.ts'
import type { HpackEncoder } from './hpack/encoder.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// Of an Upgrade (RFC 9110 section 7.8): `websocket`, `SPDY/3.1`.
const PROTOCOL_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?$/
// Control bytes and space.
const NOT_IN_PATH = new Uint8Array(256).fill(1, 0, 0x21)
NOT_IN_PATH[0x7f] = 1

function holdsAny(text: string, set: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (set[text.charCodeAt(i)] !== 0) return true
  return false
}

/**
 * The request that a block holds, or what makes it malformed (RFC 9113 section 8.3.1, RFC 8441 section 4).
 * Extended CONNECT becomes what it stands for: GET with `upgrade`.
 */
export function readRequestHead(block: FieldBlock): RequestHead | string {
  if (block.fault !== '') return block.fault
  if (block.has(STATUS)) return ':status in a request'
  const method = block.method
  if (method !== 'GET' && method !== 'POST') {
    if (!TOKEN.test(method)) return block.has(METHOD) ? ':method is no token' : ':method is missing'
    // Reserved for the preface (section 11.6): towards HTTP/1.1 it would be the start of one.
    if (method === 'PRI') return ':method is reserved'
  }
  const authority = readAuthority(block)
  if (authority === undefined) return ':authority is malformed or contradicts host'
  const scheme = block.scheme
  const path = block.path
  if (method === 'CONNECT') {
    if (authority === '') return 'CONNECT without :authority'
    if (!block.has(PROTOCOL)) {
      if (block.has(SCHEME) || block.has(PATH)) return 'CONNECT with :scheme or :path'
      return {
        method,
        scheme: 'http',
        authority,
        path: '',
        fields: block.fields,
        spelling: block.spelling,
        upgrade: '',
      }
    }
    if (!PROTOCOL_NAME.test(block.protocol)) return ':protocol is no token'
  } else if (block.has(PROTOCOL)) return ':protocol without CONNECT'
  if (scheme !== 'http' && scheme !== 'https') return ':scheme is neither http nor https'
  if (path.charCodeAt(0) !== 0x2f && !(path === '*' && method === 'OPTIONS')) return ':path is malformed'
  if (holdsAny(path, NOT_IN_PATH)) return ':path has forbidden bytes'
  const upgrade = block.protocol === '' ? '' : block.protocol.toLowerCase()
  const { fields, spelling } = block
  return { method: upgrade === '' ? method : 'GET', scheme, authority, path, fields, spelling, upgrade }
}

/** Held to what HTTP/1.1 takes for a Host: userinfo is refused too (RFC 9113 section 8.3.1), and policies compare it. */
function readAuthority(block: FieldBlock): string | undefined {
  let authority = block.authority
  if (block.host !== '') {
    if (!block.has(AUTHORITY)) authority = block.host
    else if (authority !== block.host && authority.toLowerCase() !== block.host.toLowerCase())
      return undefined
  }
  return isAuthority(authority) ? authority : undefined
}

/** Upper bound of the text in the pseudo fields of `head`. */
export function requestPseudoBytes(head: RequestHead): number {
  // Names and overhead of at most five fields.
  return head.method.length + head.authority.length + head.path.length + head.upgrade.length + 128
}

/** Writes the pseudo fields; a connection or upgrade has its own set. */
export function writeRequestPseudo(encoder: HpackEncoder, head: RequestHead): void {
  if (head.upgrade !== '') {
    encoder.field(':method', 'CONNECT')
    encoder.field(':protocol', head.upgrade)
  } else if (head.method === 'GET') encoder.fixed(2)
  else if (head.method === 'POST') encoder.fixed(3)
  else encoder.field(':method', head.method)
  if (head.method === 'CONNECT') {
    encoder.field(':authority', head.authority)
    return
  }
  encoder.fixed(head.scheme === 'https' ? 7 : 6)
  if (head.authority !== '') encoder.field(':authority', head.authority)
  encoder.field(':path', head.path)
}
