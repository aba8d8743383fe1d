import { AUTHORITY, consistsOf } from './characters.ts'

const COLON = 58
const BRACKET = 91

/**
 * True for `host`, `host:port` and the bracketed forms of RFC 3986 section 3.2 without user information.
 * The host may be empty only together with the port (RFC 9112 section 3.2).
 */
export function isAuthority(text: string): boolean {
  if (text === '' || text === lastGood) return true
  if (!parses(text)) return false
  lastGood = text
  return true
}

// A connection mostly asks for one.
let lastGood = ''

function parses(text: string): boolean {
  if (!consistsOf(text, AUTHORITY)) return false
  let end = text.indexOf(']') + 1
  if (text.charCodeAt(0) === BRACKET) {
    if (end < 4 || text.lastIndexOf('[') !== 0) return false
  } else {
    if (end !== 0 || text.includes('[')) return false
    end = text.indexOf(':')
    if (end === 0) return false
    if (end < 0) end = text.length
  }
  if (end === text.length) return true
  if (text.charCodeAt(end) !== COLON || text.length - end > 6) return false
  for (let i = end + 1; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c < 48 || c > 57) return false
  }
  return true
}

/** Authority as it is compared: in lower case, without the scheme's own port. */
export function comparable(authority: string, scheme: string): string {
  const lower = authority.toLowerCase()
  const port = scheme === 'https' ? ':443' : ':80'
  return lower.endsWith(port)
    ? lower.slice(0, -port.length)
    : lower.endsWith(':')
      ? lower.slice(0, -1)
      : lower
}
