import { ClientHelloReader, type ClientHello } from './client-hello.ts'
import { BLANK, FirstLine, REQUEST_VERSION } from './first-line.ts'

/** What the first bytes of a connection say. `more`: undecided, read on. */
export type Detected =
  | { readonly kind: 'more' }
  | { readonly kind: 'tls'; readonly hello: ClientHello }
  /** A request, or what some server could take for one: a strict reader has to look at it. */
  | { readonly kind: 'http1' }
  | { readonly kind: 'h2c' }
  /** `text`: it began with a line, of a protocol that is not HTTP. */
  | {
      readonly kind: 'opaque'
      readonly text: boolean
      /** It began as TLS does, and was not read to its end: a server may see more in it. */
      readonly unreadHello?: boolean
    }

const MORE: Detected = { kind: 'more' }
const HTTP1: Detected = { kind: 'http1' }
const H2C: Detected = { kind: 'h2c' }
const OPAQUE: Detected = { kind: 'opaque', text: false }
const UNREAD_HELLO: Detected = { kind: 'opaque', text: false, unreadHello: true }
const TEXT: Detected = { kind: 'opaque', text: true }

// RFC 9113 section 3.4.
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
// What has not ended its first line by then is given to whoever refuses long ones.
const LONGEST_REQUEST_LINE = 16_384
// Of a blank and `HTTP/1.1`, or the like.
const VERSION_BYTES = 16
const TLS_HANDSHAKE = 0x16
const LF = 0x0a
const CR = 0x0d

// RFC 1945 section 4.1, Simple-Request; there are servers that read header fields behind it.
const SIMPLE_REQUEST = new RegExp(`^GET${BLANK}+(/|https?:|\\S+${BLANK}*$)`)

/**
 * Decides what a connection speaks, from its bytes as they come; each is looked at once. What could be a request is
 * never called opaque (RFC 9112 section 2.2: empty lines before one are passed over), so that nobody reaches a server
 * of HTTP past the proxy that is to tell it who calls.
 */
export class Detection {
  #decided: Detected = MORE
  #hello: ClientHelloReader | undefined
  readonly #inspectTls: boolean
  /** What came so far, unless it is TLS. */
  #bytes = Buffer.alloc(256)
  #length = 0
  /** Looked at so far. */
  #at = 0
  #maybePreface = true
  /** Where the method begins, or -1 before it. */
  #start = -1
  #inMethod = true
  /** The method has letters alone, as those have that servers know. */
  #letters = true
  readonly #firstLine = new FirstLine()
  #open = false

  /** `inspectTls` false: the first byte of a ClientHello is enough to call it opaque. */
  constructor(inspectTls = true) {
    this.#inspectTls = inspectTls
  }

  /**
   * What was found to be opaque or TLS, and has not ended its first line: it may still become what a lenient server
   * takes for a request. Whoever wants to know feeds on.
   */
  get open(): boolean {
    return this.#open
  }

  /** Takes what came next. */
  feed(chunk: Buffer): Detected {
    if (chunk.length === 0 || (this.#decided !== MORE && !this.#open)) return this.#decided
    const line = this.#firstLine.feed(chunk)
    if (this.#decided === MORE) this.#decided = this.#look(chunk)
    const { kind } = this.#decided
    if (kind !== 'opaque' && kind !== 'tls') return this.#decided
    this.#open = line === 'more'
    return line === 'request' ? (this.#decided = HTTP1) : this.#decided
  }

  #look(chunk: Buffer): Detected {
    if (this.#length === 0 && !this.#hello && chunk[0] === TLS_HANDSHAKE) {
      if (!this.#inspectTls) return TEXT
      this.#hello = new ClientHelloReader()
    }
    if (this.#hello) {
      const hello = this.#hello.feed(chunk)
      if (hello === 'more') return MORE
      return hello === 'invalid' ? UNREAD_HELLO : { kind: 'tls', hello }
    }
    this.#append(chunk)
    if (this.#maybePreface) {
      const common = Math.min(this.#length, PREFACE.length)
      this.#maybePreface = this.#bytes.compare(PREFACE, 0, common, 0, common) === 0
      if (this.#maybePreface) return common === PREFACE.length ? H2C : MORE
    }
    return this.#readLine()
  }

  #append(chunk: Buffer): void {
    const count = Math.min(chunk.length, LONGEST_REQUEST_LINE - this.#length)
    if (this.#length + count > this.#bytes.length) {
      const grown = Buffer.alloc(Math.min(LONGEST_REQUEST_LINE, 2 * (this.#length + count)))
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    chunk.copy(this.#bytes, this.#length, 0, count)
    this.#length += count
  }

  /** `token SP target SP HTTP/1.` (RFC 9112 section 3); a text protocol with another first line stays opaque. */
  #readLine(): Detected {
    const bytes = this.#bytes
    while (this.#at < this.#length) {
      const at = this.#at++
      const byte = bytes[at] as number
      if (this.#start < 0) {
        if (isSpace(byte) || isOddBlank(byte)) continue
        if (!isToken(byte)) return OPAQUE
        this.#start = at
      }
      if (byte === LF) return this.#lineOver(at)
      if (this.#inMethod) {
        if (isToken(byte)) {
          if (!isLetter(byte)) this.#letters = false
          continue
        }
        if (!isSpace(byte) && !(this.#letters && isOddBlank(byte))) return OPAQUE
        this.#inMethod = false
      } else if (byte < 0x20 && !isSpace(byte) && !this.#letters) return OPAQUE
      // A CR alone ends a line for some.
      if (byte === CR && at > 0 && isDigit(bytes[at - 1] as number)) {
        if (REQUEST_VERSION.test(this.#line(Math.max(this.#start, at - VERSION_BYTES), at))) return HTTP1
      }
    }
    return this.#length === LONGEST_REQUEST_LINE ? HTTP1 : MORE
  }

  #lineOver(end: number): Detected {
    const line = this.#line(this.#start, end)
    if (REQUEST_VERSION.test(line) || SIMPLE_REQUEST.test(line)) return HTTP1
    // A target or a version would make it a request, if a bad one.
    return /^\S+ [/*]|HTTP\//.test(line) ? OPAQUE : TEXT
  }

  #line(from: number, end: number): string {
    return this.#bytes.toString('latin1', from, end)
  }
}

/** The same of bytes that came at once. */
export function detect(bytes: Buffer): Detected {
  return new Detection().feed(bytes)
}

/** HT, LF, VT, FF, CR and SP. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}

/** What some languages split words at, besides. */
function isOddBlank(byte: number): boolean {
  return (byte >= 0x1c && byte <= 0x1f) || byte === 0x85 || byte === 0xa0
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

function isLetter(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f
}

const TOKEN = new Set(Buffer.from("!#$%&'*+-.^_`|~", 'latin1'))

/** RFC 9110 section 5.6.2. */
function isToken(byte: number): boolean {
  return isLetter(byte) || isDigit(byte) || TOKEN.has(byte)
}
