import t from 'tap'
import { canonicalAddress } from './ip-address.ts'

t.test('one address, one text', async (t) => {
  for (const [written, canonical] of [
    ['2001:DB8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:0:1', '2001:db8::1'],
    ['::FFFF:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '10.0.0.1'],
    ['::', '::'],
    ['10.0.0.1', '10.0.0.1'],
    // No addresses.
    ['10.0.0.01', '10.0.0.01'],
    ['None', 'None'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['', ''],
  ] as const)
    t.equal(canonicalAddress(written), canonical, written)
})
