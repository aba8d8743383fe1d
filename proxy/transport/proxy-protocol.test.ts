import t from 'tap'
import { proxyProtocolHeader, type ConnectionAddresses } from './proxy-protocol.ts'

// The bytes are those of the specification, haproxy.org/download/3.0/doc/proxy-protocol.txt.

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const at = (host: string, port: number) => ({ host, port })
const v1 = (of: ConnectionAddresses | undefined): string => proxyProtocolHeader('v1', of).toString()
const v2 = (of: ConnectionAddresses | undefined): string => proxyProtocolHeader('v2', of).toString('hex')

t.test('IPv4', (t) => {
  const of = { source: at('192.168.0.1', 56324), destination: at('192.168.0.11', 443) }
  t.equal(v1(of), 'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n', 'the example of section 2.1')
  t.equal(v2(of), `${SIGNATURE}2111000cc0a80001c0a8000bdc0401bb`)
  const widest = { source: at('255.255.255.255', 65535), destination: at('255.255.255.255', 65535) }
  t.equal(v1(widest), 'PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n')
  t.end()
})

t.test('IPv6', (t) => {
  const of = { source: at('fd00::1', 56324), destination: at('2001:db8:1:2:3:4:5:6', 443) }
  t.equal(v1(of), 'PROXY TCP6 fd00::1 2001:db8:1:2:3:4:5:6 56324 443\r\n')
  t.equal(
    v2(of),
    `${SIGNATURE}21210024fd000000000000000000000000000001${'20010db8000100020003000400050006'}dc0401bb`,
  )
  const edges = { source: at('::', 1), destination: at('1::', 2) }
  t.equal(v2(edges), `${SIGNATURE}21210024${'0'.repeat(32)}0001${'0'.repeat(28)}00010002`)
  const mixed = { source: at('64:ff9b::192.0.2.33', 1), destination: at('::1', 2) }
  t.equal(v2(mixed), `${SIGNATURE}212100240064ff9b0000000000000000c0000221${'0'.repeat(31)}100010002`)
  t.end()
})

t.test('a zone is of one machine alone, and is left out', (t) => {
  const of = { source: at('fe80::1%eth0', 1), destination: at('fe80::2%eth0', 2) }
  t.equal(v1(of), 'PROXY TCP6 fe80::1 fe80::2 1 2\r\n')
  t.match(v2(of), /^.{32}fe80/)
  t.end()
})

t.test("what is nobody's, and what is no pair of addresses, says so", (t) => {
  const unfit = [
    undefined,
    { source: at('', 0), destination: at('10.0.0.1', 80) },
    { source: at('10.0.0.1', 1), destination: at('fd00::1', 80) },
    { source: at('app.test', 1), destination: at('10.0.0.1', 80) },
  ]
  for (const of of unfit) {
    t.equal(v1(of), 'PROXY UNKNOWN\r\n')
    t.equal(v2(of), `${SIGNATURE}20000000`)
  }
  t.end()
})
