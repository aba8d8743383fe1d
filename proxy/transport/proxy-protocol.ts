import { isIPv4, isIPv6 } from 'node:net'
import type { ProxyProtocolVersion } from '../../core/proxy-protocol.ts'
import { parseDestination, withoutZone, type Destination } from './original-destination.ts'

/** Who connected to whom, of one connection. */
export interface ConnectionAddresses {
  readonly source: Destination
  readonly destination: Destination
}

/** Those of an accepted connection: `downstream` is its peer as `ip:port`, `destination` what it wanted to reach. */
export function addressesOf(hop: {
  readonly downstream: string
  readonly destination: Destination
}): ConnectionAddresses {
  return { source: parseDestination(hop.downstream), destination: hop.destination }
}

// The PROXY protocol, haproxy.org/download/3.0/doc/proxy-protocol.txt, sections 2.1 and 2.2.

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
/** Version 2 in the upper half; the command in the lower. */
const LOCAL = 0x20
const PROXY = 0x21
/** Family in the upper half, STREAM in the lower. */
const TCP_OVER_IPV4 = 0x11
const TCP_OVER_IPV6 = 0x21

/**
 * What stands before the first byte of a connection to an application that takes the PROXY protocol. `of`: undefined, or
 * with addresses that are no two of one family, for a connection that is nobody's: v1 says UNKNOWN and v2 LOCAL then.
 */
export function proxyProtocolHeader(
  version: ProxyProtocolVersion,
  of: ConnectionAddresses | undefined,
): Buffer {
  const source = of && withoutZone(of.source.host)
  const destination = of && withoutZone(of.destination.host)
  const family = familyOf(source, destination)
  if (!of || !source || !destination || family === undefined)
    return version === 'v1' ? Buffer.from('PROXY UNKNOWN\r\n') : Buffer.from([...SIGNATURE, LOCAL, 0, 0, 0])
  if (version === 'v1')
    return Buffer.from(
      `PROXY TCP${family} ${source} ${destination} ${of.source.port} ${of.destination.port}\r\n`,
    )
  const octets = family === 4 ? ipv4Octets : ipv6Octets
  const addresses = [...octets(source), ...octets(destination)]
  const ports = [...uint16(of.source.port), ...uint16(of.destination.port)]
  const block = family === 4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6
  return Buffer.from([
    ...SIGNATURE,
    PROXY,
    block,
    ...uint16(addresses.length + ports.length),
    ...addresses,
    ...ports,
  ])
}

function familyOf(source: string | undefined, destination: string | undefined): 4 | 6 | undefined {
  if (!source || !destination) return undefined
  if (isIPv4(source) && isIPv4(destination)) return 4
  return isIPv6(source) && isIPv6(destination) ? 6 : undefined
}

function ipv4Octets(address: string): number[] {
  return address.split('.').map(Number)
}

/** RFC 4291 section 2.2; the address is known to be one. */
function ipv6Octets(address: string): number[] {
  const [before = '', after] = address.split('::', 2)
  const head = groupsOf(before)
  const tail = groupsOf(after ?? '')
  return [...head, ...Array.from<number>({ length: 16 - head.length - tail.length }).fill(0), ...tail]
}

/** Its last part may be an IPv4 address. */
function groupsOf(text: string): number[] {
  if (text === '') return []
  return text
    .split(':')
    .flatMap((group) => (group.includes('.') ? ipv4Octets(group) : uint16(Number.parseInt(group, 16))))
}

function uint16(value: number): number[] {
  return [value >> 8, value & 0xff]
}
