import { parseClientHello, type ClientHello } from './client-hello.ts'

/** What the first bytes of a connection say. `more`: undecided, read on. */
export type Detected =
  | { readonly kind: 'more' }
  | { readonly kind: 'tls'; readonly hello: ClientHello }
  | { readonly kind: 'http1' }
  | { readonly kind: 'h2c' }
  /** `text`: it began with a line, of a protocol that is not HTTP. */
  | { readonly kind: 'opaque'; readonly text: boolean }

const MORE: Detected = { kind: 'more' }
const HTTP1: Detected = { kind: 'http1' }
const H2C: Detected = { kind: 'h2c' }
const OPAQUE: Detected = { kind: 'opaque', text: false }
const TEXT: Detected = { kind: 'opaque', text: true }

// RFC 9113 section 3.4.
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
const LONGEST_METHOD = 32
// A request line that has not ended by then is not worth detecting as HTTP.
const LONGEST_REQUEST_LINE = 16_384

/** Decides from the bytes read so far; a pure function, called again with more of them. */
export function detect(bytes: Buffer): Detected {
  if (bytes.length === 0) return MORE
  // RFC 8446 section 5.1: ContentType handshake(22), legacy version 3.x.
  if (bytes[0] === 0x16) {
    if (bytes.length > 1 && bytes[1] !== 0x03) return OPAQUE
    const hello = parseClientHello(bytes)
    if (hello === 'more') return MORE
    return hello === 'invalid' ? OPAQUE : { kind: 'tls', hello }
  }
  const common = Math.min(bytes.length, PREFACE.length)
  if (bytes.compare(PREFACE, 0, common, 0, common) === 0) return common === PREFACE.length ? H2C : MORE
  return detectHttp1(bytes)
}

/** `token SP target SP HTTP/1.` (RFC 9112 section 3): a text protocol with another second line stays opaque. */
function detectHttp1(bytes: Buffer): Detected {
  let i = 0
  while (i < bytes.length && i <= LONGEST_METHOD && isToken(bytes[i] as number)) i++
  if (i === bytes.length) return i > LONGEST_METHOD ? OPAQUE : MORE
  if (i === 0 || i > LONGEST_METHOD || bytes[i] !== 0x20) return OPAQUE
  const lineEnd = bytes.indexOf(0x0a, i)
  if (lineEnd < 0) {
    for (let j = i; j < bytes.length; j++) if ((bytes[j] as number) < 0x20 && bytes[j] !== 0x0d) return OPAQUE
    return bytes.length > LONGEST_REQUEST_LINE ? HTTP1 : MORE
  }
  const line = bytes.toString('latin1', i, lineEnd)
  if (/ HTTP\/1\.[0-9]\r?$/.test(line)) return HTTP1
  // A target or a version would make it a request, if a bad one.
  return /^ [/*]|HTTP\//.test(line) ? OPAQUE : TEXT
}

function isToken(byte: number): boolean {
  return (
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2d ||
    byte === 0x5f
  )
}
