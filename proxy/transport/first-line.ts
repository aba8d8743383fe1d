// What some server takes for a blank: besides those of ASCII, what languages split words at.
export const BLANK = String.raw`[\s\x1c-\x1f\x85]`

/**
 * The end of a request line, whatever stands before it. Node's parser reads RTSP (RFC 2326) and Icecast's ICE as it
 * does HTTP; Python's takes leading zeros.
 */
export const REQUEST_VERSION = new RegExp(`${BLANK}(HTTP|RTSP|ICE)/[0-9]+(\\.[0-9]*)?${BLANK}*$`, 'i')

const BLANKS = new RegExp(`${BLANK}+`, 'g')
const PROXY_V1 = /^PROXY (TCP4|TCP6|UNKNOWN)\b/
// The binary header's signature, as far as it is lines: CR LF CR LF NUL CR LF QUIT LF.
const PROXY_V2 = ['\0\r', 'QUIT']
const LF = 0x0a
// No server reads a longer line: Python's give up at 64 KiB, others far before.
const LONGEST_LINE = 65_536
// Longer than any version, and than a PROXY header of the first version (107 bytes).
const KEPT = 128

// Netty passes over these before a request, CR and LF among them.
const SKIPPED = /^[\p{Cc}\s]*$/u
const SKIPPED_AT_START = /^[\p{Cc}\s]+/u
const WORD = new RegExp(`^(?:(?!${BLANK}).)+`, 's')
const BLANKS_AT_START = new RegExp(`^${BLANK}+`)
const CONTROL = new RegExp(`(?!${BLANK})[\\0-\\x1f\\x7f]`)
const TARGET = /^([/*]|[a-z][a-z0-9+.-]*:\/\/)/i
// Of what comes behind the method: enough to tell `/`, `*` and `http://` from anything else.
const TARGET_KEPT = 32

/**
 * Whether a line is a word and what a request is for, as it comes: `POST /`, `any * thing`. Node's parser reads header fields
 * behind one without a version, as HTTP/0.9 had it, Java's server and Netty behind one with any.
 */
class Targeted {
  #stage: 'start' | 'method' | 'blank' | 'target' | 'no' = 'start'
  #target = ''

  feed(text: string): void {
    let rest = text
    if (this.#stage === 'start') {
      rest = rest.replace(SKIPPED_AT_START, '')
      if (rest !== '') this.#stage = 'method'
    }
    if (rest === '' || this.#stage === 'no') return
    // Random bytes, as those of a ClientHello, would look like it often enough.
    if (CONTROL.test(rest)) return void (this.#stage = 'no')
    if (this.#stage === 'method') {
      rest = rest.replace(WORD, '')
      if (rest !== '') this.#stage = 'blank'
    }
    if (this.#stage === 'blank') {
      rest = rest.replace(BLANKS_AT_START, '')
      if (rest !== '') this.#stage = 'target'
    }
    if (this.#stage === 'target') this.#target = (this.#target + rest).slice(0, TARGET_KEPT)
  }

  get found(): boolean {
    return this.#stage === 'target' && TARGET.test(this.#target)
  }
}

/**
 * Whether the first line of a connection is that of a request, by how it ends or by what it is for. Python's http.server, and
 * with it the servers of Flask, Django and wsgiref, take any bytes for a method; so what begins like no HTTP at all may
 * still be read as a request. Empty lines, those of control characters and a header of the PROXY protocol (haproxy,
 * proxy-protocol.txt section 2) are passed over: behind them a server reads a request. A LF alone ends a line for most
 * servers, and is a character like any other for Java's: then the line goes on.
 */
export class FirstLine {
  /** Of the current line, each run of blanks as one. */
  #tail = ''
  #targeted = new Targeted()
  #length = 0
  #skipped = 0
  /** A binary header was passed over: it may hold line ends of its own. */
  #binary = false
  /** A line ended with LF alone; what follows is part of it for those that want CR LF. */
  #goesOn = false
  #over: 'request' | 'other' | undefined

  /** Takes what came next. */
  feed(chunk: Buffer): 'more' | 'request' | 'other' {
    if (this.#over) return this.#over
    const most = Math.min(chunk.length, LONGEST_LINE - this.#length)
    this.#length += most
    let from = 0
    for (;;) {
      const at = chunk.indexOf(LF, from)
      const ends = at >= 0 && at < most
      this.#add(chunk.toString('latin1', from, ends ? at : most))
      if (!ends) break
      const over = this.#lineOver()
      if (over !== 'more') return (this.#over = over)
      this.#tail = ''
      this.#targeted = new Targeted()
      from = at + 1
    }
    return this.#length < LONGEST_LINE ? 'more' : (this.#over = 'other')
  }

  #lineOver(): 'more' | 'request' | 'other' {
    const whole = this.#tail.endsWith('\r')
    if (this.#goesOn && !whole) return 'more'
    if (REQUEST_VERSION.test(this.#tail) || this.#targeted.found) return 'request'
    if (this.#passedOver()) return 'more'
    if (whole) return 'other'
    this.#goesOn = true
    return 'more'
  }

  #add(text: string): void {
    this.#targeted.feed(text)
    const joined = this.#tail + text
    this.#tail = (joined.length > KEPT ? joined.replace(BLANKS, ' ') : joined).slice(-KEPT)
  }

  /** Whether the line that ended here is no line of a server yet. */
  #passedOver(): boolean {
    if (this.#tail === PROXY_V2[this.#skipped]) {
      this.#binary = ++this.#skipped === PROXY_V2.length
      return true
    }
    return this.#binary || SKIPPED.test(this.#tail) || PROXY_V1.test(this.#tail)
  }
}
