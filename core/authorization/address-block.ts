import { canonicalAddress } from '../ip-address.ts'
import { isIP } from 'node:net'

const MAPPED_BITS = 96

/** Addresses whose first `bits` are those of `prefix` (RFC 4632). IPv4 in IPv6 (`::ffff:10.0.0.1`) is IPv4. */
export class AddressBlock {
  readonly #bytes: Uint8Array | undefined
  readonly #bits: number

  /** What is no address, or has fewer bits than that, makes a block without any. */
  constructor(prefix: string, bits: number) {
    const bytes = addressBytes(prefix)
    const mapped = bytes?.length === 4 && prefix.includes(':')
    this.#bits = mapped ? bits - MAPPED_BITS : bits
    this.#bytes = bytes && this.#bits >= 0 && this.#bits <= bytes.length * 8 ? bytes : undefined
  }

  contains(address: string): boolean {
    const own = this.#bytes
    const other = addressBytes(address)
    if (!own || other?.length !== own.length) return false
    const whole = this.#bits >> 3
    for (let i = 0; i < whole; i++) if (own[i] !== other[i]) return false
    const rest = 8 - (this.#bits & 7)
    return rest === 8 || (own[whole] as number) >> rest === (other[whole] as number) >> rest
  }
}

// One connection is held against many blocks.
let lastText = ''
let lastBytes: Uint8Array | undefined

/** 4 or 16 bytes in network order; undefined: no address. A zone (RFC 4007) counts for nothing. */
function addressBytes(text: string): Uint8Array | undefined {
  if (text === lastText) return lastBytes
  lastText = text
  lastBytes = parse(text)
  return lastBytes
}

function parse(text: string): Uint8Array | undefined {
  const zone = text.indexOf('%')
  const address = canonicalAddress(zone < 0 ? text : text.slice(0, zone))
  const family = isIP(address)
  if (family === 4) return Uint8Array.from(address.split('.'), Number)
  if (family !== 6) return undefined
  const bytes = new Uint8Array(16)
  const [head = '', tail] = address.split('::')
  // Dotted ends, which the canonical form writes for few addresses, are two groups.
  const groups = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          if (!group.includes('.')) return [Number.parseInt(group, 16)]
          const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
          return [a * 256 + b, c * 256 + d]
        })
  const last = tail === undefined ? [] : groups(tail)
  const put = (at: number, group: number): void => {
    bytes[at * 2] = group >> 8
    bytes[at * 2 + 1] = group & 255
  }
  groups(head).forEach((group, i) => put(i, group))
  last.forEach((group, i) => put(8 - last.length + i, group))
  return bytes
}
