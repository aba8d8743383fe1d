import type { Hop } from '../../model/hop.ts'
import { parseDestination } from '../../transport/original-destination.ts'

/**
 * Who answers for the tokens of a connection: the identity at its address; of plaintext the address, where that is one of IPv6
 * its network of 64 bits, as whoever has one has all of them.
 */
export function callerOf({ sourceIdentity, downstream }: Hop): string {
  const { host } = parseDestination(downstream)
  return sourceIdentity === '' ? networkOf(host) : `${sourceIdentity} ${host}`
}

/** As sockets write addresses (RFC 5952): no zeros that lead, and `::` for groups of zeros. */
function networkOf(address: string): string {
  const [head = '', tail] = address.split('::')
  if (!address.includes(':')) return address
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length
  return `${[...first, ...Array.from({ length: zeros }, () => '0'), ...last].slice(0, 4).join(':')}::/64`
}
