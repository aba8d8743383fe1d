import t from 'tap'
import { decodeSockaddr, formatDestination, formatIPv6, plainAddress } from './original-destination.ts'

t.test('struct sockaddr_in and sockaddr_in6', async (t) => {
  const four = Buffer.from([2, 0, 0x1f, 0x90, 10, 96, 0, 7, 0, 0, 0, 0])
  t.same(decodeSockaddr(four, true), { host: '10.96.0.7', port: 8080 })
  const six = Buffer.alloc(28)
  six.writeUInt16BE(443, 2)
  Buffer.from('fd000000000000000000000000000001', 'hex').copy(six, 8)
  t.same(decodeSockaddr(six, false), { host: 'fd00::1', port: 443 })
})

t.test('addresses are written as RFC 5952 says', async (t) => {
  t.equal(formatIPv6([0, 0, 0, 0, 0, 0, 0, 0]), '::')
  t.equal(formatIPv6([0x2001, 0xdb8, 0, 1, 1, 1, 1, 1]), '2001:db8:0:1:1:1:1:1', 'one zero group stays')
  t.equal(formatIPv6([0x2001, 0, 0, 1, 0, 0, 0, 1]), '2001:0:0:1::1', 'the longest run')
  t.equal(formatDestination({ host: 'fd00::1', port: 80 }), '[fd00::1]:80')
  t.equal(plainAddress('::ffff:10.0.0.1'), '10.0.0.1')
})
