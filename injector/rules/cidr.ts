import { isIPv4, isIPv6 } from 'node:net'
import { WeftError } from '../../core/errors.ts'

export interface Cidr {
  readonly family: 4 | 6
  /** Canonical, host bits cleared, always with a prefix length: what iptables-save prints too. */
  readonly text: string
}

/** Reads `10.0.0.0/8`, `fd00::/8` or a single address. Throws a WeftError `cidr.invalid`. */
export function parseCidr(text: string): Cidr {
  const [address = '', length, ...rest] = text.split('/')
  const family = isIPv4(address) ? 4 : isIPv6(address) && !address.includes('%') ? 6 : undefined
  const bits = family === 4 ? 32 : 128
  const prefix = length === undefined ? bits : /^(0|[1-9][0-9]{0,2})$/.test(length) ? Number(length) : -1
  if (family === undefined || rest.length > 0 || prefix < 0 || prefix > bits) {
    throw new WeftError('cidr.invalid', `"${text.slice(0, 60)}" is no CIDR such as 10.0.0.0/8 or fd00::/8`)
  }
  const hostBits = BigInt(bits - prefix)
  const network = ((family === 4 ? ipv4ToNumber(address) : ipv6ToNumber(address)) >> hostBits) << hostBits
  return { family, text: `${family === 4 ? numberToIpv4(network) : numberToIpv6(network)}/${prefix}` }
}

function ipv4ToNumber(address: string): bigint {
  return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n)
}

function numberToIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
}

function ipv6ToNumber(address: string): bigint {
  // The last 32 bits may be written as IPv4 (RFC 4291 section 2.2).
  const plain = address.replace(/[0-9.]*\.[0-9.]*$/, (tail) => {
    const value = ipv4ToNumber(tail)
    return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`
  })
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return groups.reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n)
}

function numberToIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, at) => (value >> BigInt(112 - 16 * at)) & 0xffffn)
  // The URL parser writes the short form of RFC 5952.
  const host = new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]`).hostname
  return host.slice(1, -1)
}
