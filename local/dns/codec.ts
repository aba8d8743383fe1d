/** The part of RFC 1035 messages that a resolver of one cluster needs. */
export const TYPE = { A: 1, CNAME: 5, PTR: 12, AAAA: 28, SRV: 33, ANY: 255 } as const
export const CODE = { ok: 0, formatError: 1, noSuchName: 3, notImplemented: 4, refused: 5 } as const

export interface Question {
  /** Lower case, without the last dot. */
  readonly name: string
  readonly type: number
}

export interface Query {
  readonly id: number
  readonly opcode: number
  readonly recursionDesired: boolean
  readonly question: Question
}

export type Answer =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly address: string }
  | { readonly type: 'CNAME' | 'PTR'; readonly name: string; readonly target: string }
  | { readonly type: 'SRV'; readonly name: string; readonly port: number; readonly target: string }

const HEADER = 12
const IN = 1

/**
 * Reads a query of one question (RFC 1035, 4.1). Undefined when the packet is not one: the caller
 * drops it, or answers FORMERR when at least the id could be read.
 */
export function decodeQuery(packet: Buffer): Query | undefined {
  if (packet.length < HEADER) return undefined
  const flags = packet.readUInt16BE(2)
  if ((flags & 0x8000) !== 0 || packet.readUInt16BE(4) !== 1) return undefined
  const labels: string[] = []
  let at = HEADER
  let length = 0
  for (;;) {
    const size = packet[at]
    // A question's name cannot be compressed: nothing precedes it.
    if (size === undefined || size > 63) return undefined
    at++
    if (size === 0) break
    length += size + 1
    if (at + size > packet.length || length > 254) return undefined
    labels.push(packet.toString('latin1', at, at + size).toLowerCase())
    at += size
  }
  if (at + 4 > packet.length || packet.readUInt16BE(at + 2) !== IN) return undefined
  return {
    id: packet.readUInt16BE(0),
    opcode: (flags >> 11) & 0xf,
    recursionDesired: (flags & 0x0100) !== 0,
    question: { name: labels.join('.'), type: packet.readUInt16BE(at) },
  }
}

/** An answer, cut and marked as truncated when it would be longer than `limit` (RFC 1035, 4.2.1). */
export function encodeResponse(
  query: Query,
  code: number,
  answers: readonly Answer[],
  ttlSeconds: number,
  limit: number,
): Buffer {
  const question = Buffer.concat([encodeName(query.question.name), u16(query.question.type), u16(IN)])
  const records: Buffer[] = []
  let size = HEADER + question.length
  let truncated = false
  for (const answer of answers) {
    const record = encodeAnswer(answer, ttlSeconds)
    if (size + record.length > limit) {
      truncated = true
      break
    }
    size += record.length
    records.push(record)
  }
  const flags =
    0x8000 |
    (query.opcode << 11) |
    0x0400 |
    (truncated ? 0x0200 : 0) |
    (query.recursionDesired ? 0x0100 : 0) |
    0x0080
  const header = Buffer.concat([
    u16(query.id),
    u16(flags | code),
    u16(1),
    u16(records.length),
    u16(0),
    u16(0),
  ])
  return Buffer.concat([header, question, ...records])
}

function encodeAnswer(answer: Answer, ttlSeconds: number): Buffer {
  const data = encodeData(answer)
  const ttl = Buffer.alloc(4)
  ttl.writeUInt32BE(ttlSeconds)
  return Buffer.concat([
    encodeName(answer.name),
    u16(TYPE[answer.type]),
    u16(IN),
    ttl,
    u16(data.length),
    data,
  ])
}

function encodeData(answer: Answer): Buffer {
  switch (answer.type) {
    case 'A':
      return Buffer.from(answer.address.split('.').map(Number))
    case 'AAAA':
      return encodeIPv6(answer.address)
    case 'CNAME':
    case 'PTR':
      return encodeName(answer.target)
    case 'SRV':
      return Buffer.concat([u16(0), u16(100), u16(answer.port), encodeName(answer.target)])
  }
}

function encodeIPv6(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::')
  const left = head.split(':').filter(Boolean)
  const right = tail.split(':').filter(Boolean)
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return Buffer.concat(groups.map((group) => u16(Number.parseInt(group, 16))))
}

function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.')
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ])
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
