import t from 'tap'
import { HOP } from '../testing/requests.ts'
import { callerOf } from './token-caller.ts'

t.test('a caller is its identity at an address, or an address, or a network of IPv6', async (t) => {
  const of = (downstream: string, sourceIdentity = ''): string =>
    callerOf({ ...HOP, downstream, sourceIdentity })
  t.equal(of('10.0.0.1:40000'), '10.0.0.1')
  t.equal(of('10.0.0.1:40000', 'spiffe://a/ns/b/sa/c'), 'spiffe://a/ns/b/sa/c 10.0.0.1')
  t.equal(of('[2001:db8::1]:1', 'spiffe://a/ns/b/sa/c'), 'spiffe://a/ns/b/sa/c 2001:db8::1')
  for (const address of ['2001:db8::1', '2001:db8::ffff:0:1:2', '2001:db8:0:0:1::', '2001:db8:0:0:1:2:3:4'])
    t.equal(of(`[${address}]:1`), '2001:db8:0:0::/64', address)
  t.equal(of('[::1]:1'), '0:0:0:0::/64')
  t.equal(of('[1:2:3:4:5:6:7:8]:1'), '1:2:3:4::/64')
})
