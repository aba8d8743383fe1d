import { BlockList, isIP, SocketAddress } from 'node:net'

// RFC 4291 section 2.5.5.2. To sockets they are the IPv4 address.
const MAPPED = new BlockList()
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6')

/**
 * An IP address in the one way of writing (RFC 5952) that addresses are compared in: `2001:DB8::01` and `2001:db8::1` are
 * the same pod. What is no address stays as it is.
 */
export function canonicalAddress(text: string): string {
  // A zone (RFC 4007) has no meaning beyond its node.
  if (isIP(text) !== 6 || text.includes('%')) return text
  const { address } = new SocketAddress({ address: text, family: 'ipv6' })
  if (!MAPPED.check(address, 'ipv6')) return address
  return address.slice(address.lastIndexOf(':') + 1)
}
