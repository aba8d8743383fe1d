import { createRequire } from 'node:module'
import type { Socket } from 'node:net'

export interface Destination {
  /** IP address without brackets; an IPv4-mapped IPv6 address comes as IPv4. */
  readonly host: string
  readonly port: number
}

/** Reads where a connection wanted to go before iptables REDIRECT took it; undefined if it was not redirected. */
export type OriginalDestination = (socket: Socket) => Destination | undefined

const SOL_IP = 0
const SOL_IPV6 = 41
// linux/netfilter_ipv4.h SO_ORIGINAL_DST and linux/netfilter_ipv6/ip6_tables.h IP6T_SO_ORIGINAL_DST.
const SO_ORIGINAL_DST = 80

type GetSockOpt = (fd: number, level: number, name: number, value: Buffer, length: Int32Array) => number

/**
 * getsockopt(SO_ORIGINAL_DST) through koffi, 1.1 us a call. Loaded only when a listener captures.
 * Throws where the C library cannot be bound.
 */
export function loadOriginalDestination(): OriginalDestination {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
  const getsockopt = koffi
    .load(null)
    .func(
      'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ int32_t *length)',
    ) as GetSockOpt
  const value = Buffer.alloc(28)
  const length = new Int32Array(1)

  return (socket) => {
    const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd
    if (fd === undefined || fd < 0) return undefined
    const mapped = socket.localAddress?.startsWith('::ffff:') || socket.localFamily === 'IPv4'
    length[0] = value.length
    if (getsockopt(fd, mapped ? SOL_IP : SOL_IPV6, SO_ORIGINAL_DST, value, length) !== 0) return undefined
    return decodeSockaddr(value, mapped)
  }
}

/** struct sockaddr_in or sockaddr_in6: family (host order), port, [flowinfo,] address (network order). */
export function decodeSockaddr(value: Buffer, ipv4: boolean): Destination {
  const port = value.readUInt16BE(2)
  if (ipv4) return { host: `${value[4]}.${value[5]}.${value[6]}.${value[7]}`, port }
  const groups: number[] = []
  for (let i = 8; i < 24; i += 2) groups.push(value.readUInt16BE(i))
  return { host: formatIPv6(groups), port }
}

/** RFC 5952: lower-case, no leading zeros, the longest run of zero groups (of two or more) as `::`. */
export function formatIPv6(groups: readonly number[]): string {
  let best = -1
  let bestLength = 1
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (i + run < 8 && groups[i + run] === 0) run++
    if (run > bestLength) {
      best = i
      bestLength = run
    }
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  if (best < 0) return hex(0, 8)
  return `${hex(0, best)}::${hex(best + bestLength, 8)}`
}

/** `1.2.3.4:80` or `[fd00::1]:80`. */
export function formatDestination(destination: Destination): string {
  return destination.host.includes(':')
    ? `[${destination.host}]:${destination.port}`
    : `${destination.host}:${destination.port}`
}

/** The other way round; of what is no address, something that is none either. */
export function parseDestination(text: string): Destination {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, Math.max(0, colon))
  return { host: host.startsWith('[') ? host.slice(1, -1) : host, port: Number(text.slice(colon + 1)) }
}

/** An IPv6 address without what means something on one machine alone (RFC 4007 section 11). */
export function withoutZone(address: string): string {
  const zone = address.indexOf('%')
  return zone < 0 ? address : address.slice(0, zone)
}

/** Node writes IPv4 peers of a dual-stack socket as `::ffff:1.2.3.4`. */
export function plainAddress(address: string | undefined): string {
  if (!address) return ''
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
