/** What a proxy may know of a TLS connection without ending it. */
export interface ClientHello {
  /** server_name (RFC 6066 section 3), lower-case, or ''. */
  readonly serverName: string
  /** application_layer_protocol_negotiation (RFC 7301), in the client's order. */
  readonly alpn: readonly string[]
}

const HANDSHAKE = 22
const CLIENT_HELLO = 1
const EXTENSION_SERVER_NAME = 0
const EXTENSION_ALPN = 16
const RECORD_HEADER = 5
const MESSAGE_HEADER = 4
// A ClientHello with post-quantum key shares has about 1.5 KB, in one record or two. Far above is abuse: whoever sends
// it has not shown who he is.
const MOST_BYTES = 16_384
const MOST_RECORDS = 64

/**
 * Reads a ClientHello that may be spread over several TLS records and several reads (RFC 8446 sections 4.1.2 and
 * 5.1). Every byte is looked at once. 16 KiB and 64 records are the most that it may take, record headers included.
 */
export class ClientHelloReader {
  readonly #header = Buffer.alloc(RECORD_HEADER)
  #headerLength = 0
  /** Of the current record. */
  #left = 0
  #records = 0
  #bytes = 0
  /** The handshake message with its header, grown as it comes. */
  #message = Buffer.alloc(2048)
  #length = 0

  /** Takes what came next. `more`: incomplete so far. After another answer it is not to be fed. */
  feed(chunk: Buffer): ClientHello | 'more' | 'invalid' {
    const end = Math.min(chunk.length, MOST_BYTES - this.#bytes)
    const bytes = chunk.subarray(0, end)
    this.#bytes += end
    let at = 0
    while (at < end) {
      at = this.#left > 0 ? this.#takeMessage(bytes, at) : this.#takeHeader(bytes, at)
      if (at < 0) return 'invalid'
      const whole = this.#whole()
      if (whole !== 'more') return whole
    }
    return this.#bytes < MOST_BYTES ? 'more' : 'invalid'
  }

  /** Where to go on, or -1. */
  #takeHeader(chunk: Buffer, at: number): number {
    const header = this.#header
    const count = chunk.copy(header, this.#headerLength, at, at + RECORD_HEADER - this.#headerLength)
    this.#headerLength += count
    // RFC 8446 section 5.1: ContentType handshake(22), legacy version 3.x, nothing between its records.
    if (header[0] !== HANDSHAKE || (this.#headerLength > 1 && header[1] !== 3)) return -1
    if (this.#headerLength < RECORD_HEADER) return at + count
    const length = header.readUInt16BE(3)
    // At most 2^14, and handshake records are never empty.
    if (length === 0 || length > 16_384 || ++this.#records > MOST_RECORDS) return -1
    this.#headerLength = 0
    this.#left = length
    return at + count
  }

  #takeMessage(chunk: Buffer, at: number): number {
    const count = Math.min(this.#left, chunk.length - at)
    if (this.#length + count > this.#message.length) {
      const grown = Buffer.alloc(Math.min(MOST_BYTES, 2 * (this.#length + count)))
      this.#message.copy(grown, 0, 0, this.#length)
      this.#message = grown
    }
    chunk.copy(this.#message, this.#length, at, at + count)
    this.#length += count
    this.#left -= count
    return at + count
  }

  #whole(): ClientHello | 'more' | 'invalid' {
    if (this.#length === 0) return 'more'
    if (this.#message[0] !== CLIENT_HELLO) return 'invalid'
    if (this.#length < MESSAGE_HEADER) return 'more'
    const end = MESSAGE_HEADER + this.#message.readUIntBE(1, 3)
    if (end > MOST_BYTES) return 'invalid'
    if (this.#length < end) return 'more'
    return readHello(this.#message.subarray(MESSAGE_HEADER, end)) ?? 'invalid'
  }
}

function readHello(body: Buffer): ClientHello | undefined {
  // legacy_version(2) random(32) session_id<0..32> cipher_suites<2..> compression<1..> extensions<8..>
  let at = 34
  if (at >= body.length) return undefined
  at += 1 + (body[at] as number)
  if (at + 2 > body.length) return undefined
  at += 2 + body.readUInt16BE(at)
  if (at >= body.length) return undefined
  at += 1 + (body[at] as number)
  if (at === body.length) return { serverName: '', alpn: [] }
  if (at + 2 > body.length) return undefined
  const end = at + 2 + body.readUInt16BE(at)
  if (end > body.length) return undefined
  at += 2
  let serverName = ''
  let alpn: string[] = []
  while (at + 4 <= end) {
    const type = body.readUInt16BE(at)
    const length = body.readUInt16BE(at + 2)
    at += 4
    if (at + length > end) return undefined
    const extension = body.subarray(at, at + length)
    if (type === EXTENSION_SERVER_NAME) serverName = readServerName(extension)
    else if (type === EXTENSION_ALPN) alpn = readAlpn(extension)
    at += length
  }
  return { serverName, alpn }
}

function readServerName(extension: Buffer): string {
  // ServerNameList: length(2), then name_type(1) = host_name(0), length(2), name.
  if (extension.length < 5 || extension[2] !== 0) return ''
  const length = extension.readUInt16BE(3)
  if (5 + length > extension.length) return ''
  return extension.toString('latin1', 5, 5 + length).toLowerCase()
}

function readAlpn(extension: Buffer): string[] {
  const protocols: string[] = []
  let at = 2
  while (at < extension.length) {
    const length = extension[at] as number
    if (length === 0 || at + 1 + length > extension.length) break
    protocols.push(extension.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return protocols
}
