import { BlockList, isIP } from 'node:net'
import { WeftError } from '../../core/errors.ts'

/**
 * Where keys are never fetched from, whatever name stands for it: this machine, its links, and what clouds put there for
 * their machines alone. Whoever may write a policy could else have the control plane ask for them. The cluster's own
 * addresses are allowed: issuers run there.
 */
const FORBIDDEN: readonly (readonly [address: string, bits: number])[] = [
  // RFC 6890 and RFC 4291: this host and network, loopback, links, multicast, broadcast.
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 128],
  ['::1', 128],
  ['fe80::', 10],
  ['ff00::', 8],
  // Metadata services that are in none of these: of AWS by IPv6, of Alibaba Cloud, of Oracle Cloud.
  ['fd00:ec2::254', 128],
  ['100.100.100.200', 32],
  ['192.0.0.192', 32],
]

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

function blocks(all: readonly (readonly [address: string, bits: number])[]): BlockList {
  const list = new BlockList()
  for (const [address, bits] of all) list.addSubnet(address, bits, familyOf(address))
  return list
}

const forbidden = blocks(FORBIDDEN)

/** Says of an address whether keys may be fetched from it; one of IPv4 in IPv6 is that of IPv4. */
export type AddressRule = (address: string) => boolean

/** `allowed`: blocks such as 127.0.0.0/8 that are allowed all the same. */
export function addressRule(allowed: readonly string[] = []): AddressRule {
  const own = blocks(allowed.map(readBlock))
  return (address) => {
    const family = familyOf(address)
    return isIP(address) !== 0 && (own.check(address, family) || !forbidden.check(address, family))
  }
}

function readBlock(text: string): readonly [address: string, bits: number] {
  const [address = '', bits, ...more] = text.split('/')
  const most = isIP(address) === 6 ? 128 : 32
  const number = bits === undefined ? most : Number(bits)
  const wrong = isIP(address) === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits ?? '0') || number > most
  if (wrong)
    throw new WeftError('cli.flags', `must be an IP address or a block such as 127.0.0.0/8, got ${text}`, {
      field: '--jwks-allow',
    })
  return [address, number]
}
