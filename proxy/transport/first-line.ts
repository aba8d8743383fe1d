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

/**
 * Whether the first line of a connection ends as that of a request does, however it begins. Python's http.server, and
 * with it the servers of Flask, Django and wsgiref, take any bytes for a method; so what begins like no HTTP at all may
 * still be read as a request. Empty lines and a header of the PROXY protocol (haproxy, proxy-protocol.txt section 2)
 * are passed over: behind it a server reads a request.
 */
export class FirstLine {
  /** Of the current line, each run of blanks as one. */
  #tail = ''
  #length = 0
  #skipped = 0
  /** A binary header was passed over: it may hold line ends of its own. */
  #binary = false
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
      if (REQUEST_VERSION.test(this.#tail)) return (this.#over = 'request')
      if (!this.#passedOver()) return (this.#over = 'other')
      this.#tail = ''
      from = at + 1
    }
    return this.#length < LONGEST_LINE ? 'more' : (this.#over = 'other')
  }

  #add(text: string): void {
    const joined = this.#tail + text
    this.#tail = (joined.length > KEPT ? joined.replace(BLANKS, ' ') : joined).slice(-KEPT)
  }

  /** Whether the line that ended here is no line of a server yet. */
  #passedOver(): boolean {
    if (this.#binary || this.#tail.trim() === '' || PROXY_V1.test(this.#tail)) return true
    if (this.#tail !== PROXY_V2[this.#skipped]) return false
    this.#binary = ++this.#skipped === PROXY_V2.length
    return true
  }
}
