import t from 'tap'
import { AddressBlock } from './address-block.ts'

// block, bits, address, whether it is inside
const CASES: readonly (readonly [string, number, string, boolean])[] = [
  ['10.0.0.0', 8, '10.255.0.1', true],
  ['10.0.0.0', 8, '11.0.0.1', false],
  ['10.1.2.3', 32, '10.1.2.3', true],
  ['10.1.2.3', 32, '10.1.2.4', false],
  ['10.1.2.128', 25, '10.1.2.127', false],
  ['10.1.2.128', 25, '10.1.2.129', true],
  ['0.0.0.0', 0, '192.0.2.7', true],
  ['0.0.0.0', 0, '2001:db8::1', false],
  ['::', 0, '2001:db8::1', true],
  ['::', 0, '10.0.0.1', false],
  ['2001:db8::', 32, '2001:DB8:0:0:1::9', true],
  ['2001:db8::', 32, '2001:db9::1', false],
  ['2001:db8::', 33, '2001:db8:8000::1', false],
  ['fe80::', 10, 'fe80::1%eth0', true],
  ['::1', 128, '::1', true],
  // RFC 4291 section 2.5.5.2
  ['10.0.0.0', 8, '::ffff:10.2.3.4', true],
  ['10.0.0.0', 8, '::ffff:a02:304', true],
  ['::ffff:10.0.0.0', 104, '10.2.3.4', true],
  ['::ffff:10.0.0.0', 104, '11.2.3.4', false],
  ['::ffff:10.0.0.0', 90, '10.2.3.4', false],
  ['10.0.0.0', 8, '', false],
  ['10.0.0.0', 8, 'pod', false],
  ['10.0.0.0', 33, '10.0.0.0', false],
]

t.test('which addresses are inside a block', async (t) => {
  for (const [prefix, bits, address, inside] of CASES)
    t.equal(new AddressBlock(prefix, bits).contains(address), inside, `${address} in ${prefix}/${bits}`)
})
