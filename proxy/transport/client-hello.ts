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
// A ClientHello with post-quantum key shares has about 1.5 KB; far above is abuse.
const LONGEST_HELLO = 65_536

/**
 * Reads a ClientHello that may be spread over several TLS records and several reads
 * (RFC 8446 sections 4.1.2 and 5.1). `more`: incomplete so far.
 */
export function parseClientHello(bytes: Buffer): ClientHello | 'more' | 'invalid' {
  const message = joinRecords(bytes)
  if (message === 'invalid') return 'invalid'
  if (message.length < 4) return 'more'
  if (message[0] !== CLIENT_HELLO) return 'invalid'
  const length = message.readUIntBE(1, 3)
  if (length > LONGEST_HELLO) return 'invalid'
  if (message.length < 4 + length) return 'more'
  return readHello(message.subarray(4, 4 + length)) ?? 'invalid'
}

function joinRecords(bytes: Buffer): Buffer | 'invalid' {
  const parts: Buffer[] = []
  let at = 0
  while (at + 5 <= bytes.length) {
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3)
      return parts.length > 0 ? Buffer.concat(parts) : 'invalid'
    const length = bytes.readUInt16BE(at + 3)
    // RFC 8446 section 5.1: at most 2^14, and handshake records are never empty.
    if (length === 0 || length > 16_384) return 'invalid'
    parts.push(bytes.subarray(at + 5, Math.min(at + 5 + length, bytes.length)))
    at += 5 + length
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
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
