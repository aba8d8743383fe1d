import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { goldenText } from '../../core/testing/golden.ts'
import { captureRules, defaultCapture, missingRules, removalRules, rollbackRules } from './capture.ts'
import type { CaptureSettings } from './capture.ts'
import { parseCidr } from './cidr.ts'
import { captureArgs, parseInitFlags } from './flags.ts'

const cases: Record<string, Partial<CaptureSettings>> = {
  default: {},
  'excluded-inbound': { excludeInboundPorts: [9090, 22, 9090] },
  'included-inbound': { includeInboundPorts: [8080, 80] },
  'no-inbound': { includeInboundPorts: [] },
  'excluded-outbound': {
    excludeOutboundPorts: [3306, 53],
    excludeOutboundCidrs: ['10.1.2.3/8', 'fd00::1/8', '169.254.169.254'],
  },
  'included-outbound': { includeOutboundPorts: [443] },
  'other-sidecar': { outboundPort: 25001, inboundPort: 25006, proxyUid: 4000, proxyGid: 4001 },
}

for (const [name, change] of Object.entries(cases)) {
  t.test(name, async (t) => {
    const settings = { ...defaultCapture, ...change }
    const rules = { iptables: captureRules(settings, 4), ip6tables: captureRules(settings, 6) }
    for (const [command, made] of Object.entries(rules))
      t.equal(made, goldenText(join(import.meta.dirname, '../golden/rules', `${name}.${command}`), made))
    t.same(missingRules(settings, 4, rules.iptables), [], 'the rules verify themselves')
  })
}

t.test('nothing but TCP is captured', async (t) => {
  for (const family of [4, 6] as const) {
    const rules = captureRules(defaultCapture, family).split('\n')
    const leads = rules.filter((line) => /^-A (PREROUTING|OUTPUT)\b/.test(line))
    t.equal(leads.length, 2)
    for (const line of leads) t.match(line, / -p tcp /)
  }
})

t.test('a second run takes the jumps of the first away, and only those', async (t) => {
  const saved = `${captureRules(defaultCapture, 4)}-A OUTPUT -p tcp -m tcp --dport 7 -j RETURN\n`
  const rules = captureRules(defaultCapture, 4, saved).split('\n')
  t.same(
    rules.filter((line) => line.startsWith('-D')),
    ['-D PREROUTING -p tcp -j WEFT_INBOUND', '-D OUTPUT -p tcp -j WEFT_OUTPUT'],
  )
})

t.test('removal and rollback', async (t) => {
  const first = captureRules({ ...defaultCapture, excludeInboundPorts: [22] }, 4)
  const second = captureRules(defaultCapture, 4)
  t.equal(removalRules('*nat\nCOMMIT\n'), undefined, 'nothing to remove')
  t.match(removalRules(second), /-D OUTPUT[^]*-F WEFT_INBOUND[^]*-X WEFT_REDIRECT/)
  t.equal(rollbackRules('*nat\nCOMMIT\n', second), removalRules(second), 'back to nothing')
  const back = rollbackRules(first, second)
  t.same(missingRules({ ...defaultCapture, excludeInboundPorts: [22] }, 4, back ?? ''), [])
  t.match(back, /--dport 22/)
})

t.test('verification names what is missing', async (t) => {
  const rules = captureRules(defaultCapture, 4)
  t.same(missingRules(defaultCapture, 4, rules.replace('-A OUTPUT -p tcp -j WEFT_OUTPUT\n', '')), [
    '0 jumps "OUTPUT -p tcp -j WEFT_OUTPUT" where there should be 1',
  ])
  t.same(missingRules(defaultCapture, 4, rules.replace(/-A WEFT_OUTPUT -o lo.*\n/, '')), [
    'chain WEFT_OUTPUT has 5 rules instead of 6',
  ])
})

t.test('CIDRs are canonical', async (t) => {
  for (const [text, wanted] of [
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.3', '10.1.2.3/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['255.255.255.255/31', '255.255.255.254/31'],
    ['FD00:0:0::1/8', 'fd00::/8'],
    ['::/0', '::/0'],
    ['2001:db8:0:0:1::/80', '2001:db8:0:0:1::/80'],
    ['::ffff:10.1.2.3', '::ffff:a01:203/128'],
  ] as const) {
    t.equal(parseCidr(text).text, wanted)
  }
  for (const text of [
    '',
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    'fd00::/129',
    'fe80::1%eth0',
    '1.2.3.4; rm',
    '010.0.0.1',
  ]) {
    t.throws(() => parseCidr(text), { code: 'cidr.invalid' }, JSON.stringify(text))
  }
  fc.assert(
    fc.property(fc.oneof(fc.ipV4Extended(), fc.ipV4(), fc.ipV6()), fc.nat(128), (address, length) => {
      try {
        const { text } = parseCidr(`${address}/${length}`)
        return parseCidr(text).text === text
      } catch (error) {
        return error instanceof Error && error.name === 'WeftError'
      }
    }),
  )
})

t.test('what the injector writes, weft init reads', async (t) => {
  const port = fc.integer({ min: 1, max: 65535 })
  const ports = fc.array(port, { maxLength: 5 })
  const settings: fc.Arbitrary<CaptureSettings> = fc.record(
    {
      outboundPort: port,
      inboundPort: port,
      proxyUid: fc.integer({ min: 1, max: 0xffff_fffe }),
      proxyGid: fc.integer({ min: 1, max: 0xffff_fffe }),
      includeInboundPorts: fc.oneof(ports, fc.constant('*' as const)),
      excludeInboundPorts: ports,
      includeOutboundPorts: fc.oneof(ports, fc.constant('*' as const)),
      excludeOutboundPorts: ports,
      excludeOutboundCidrs: fc.array(
        fc.ipV4().map((address) => parseCidr(`${address}/16`).text),
        { maxLength: 3 },
      ),
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(settings, (value) => {
      t.same(parseInitFlags(captureArgs(value)).capture, value)
    }),
    { numRuns: 50 },
  )
  t.same(captureArgs(defaultCapture), [])
})
