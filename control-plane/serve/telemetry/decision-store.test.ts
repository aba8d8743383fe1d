import t from 'tap'
import { alsoDecisions, DecisionStore } from './decision-store.ts'
import type { StoredSpan } from './stored-span.ts'

const T = Date.UTC(2026, 0, 1)
const WEB = 'spiffe://cluster.local/ns/shop/sa/web'
const reference = (n: number): string => n.toString(16).padStart(32, '0')

function refused(n: number, over: Partial<StoredSpan> = {}): StoredSpan {
  const { attributes, ...more } = over
  return {
    traceId: reference(n),
    spanId: n.toString(16).padStart(16, '0'),
    parentSpanId: '',
    name: 'POST',
    kind: 'server',
    service: 'pay',
    namespace: 'payments',
    pod: 'pay-1',
    startMs: T + n,
    durationMs: 1,
    status: 'unset',
    statusMessage: '',
    attributes: {
      'http.request.method': 'POST',
      'url.path': '/charge',
      'server.address': 'pay.payments',
      'server.port': 8080,
      'client.address': '10.0.0.7',
      'network.local.address': '10.0.0.9',
      'network.local.port': 8080,
      'weft.source_identity': WEB,
      'weft.policy': 'payments/pay/0',
      'weft.policy.decision': 'denied',
      'weft.policy.reference': reference(n),
      ...attributes,
    },
    ...more,
  }
}

t.test('a refusal is found by its reference, with who, whom, what and which rule', (t) => {
  const store = new DecisionStore()
  t.equal(store.add(refused(1)), true)
  t.strictSame(store.refusals({ reference: reference(1), limit: 5 }), [
    {
      reference: reference(1),
      time: T + 1,
      dryRun: false,
      protocol: 'http',
      from: { identity: WEB, address: '10.0.0.7' },
      to: { namespace: 'payments', pod: 'pay-1', service: 'pay', address: '10.0.0.9', port: 8080 },
      method: 'POST',
      path: '/charge',
      host: 'pay.payments:8080',
      sni: '',
      rule: 'payments/pay/0',
    },
  ])
  t.strictSame(store.refusals({ reference: reference(2), limit: 5 }), [])
  t.end()
})

t.test('only what a server refused, or would have, is one; `none` is no rule', (t) => {
  const store = new DecisionStore()
  for (const decision of ['', 'allowed', 'audited', 'what'])
    t.equal(store.add(refused(1, { attributes: { 'weft.policy.decision': decision } })), false, decision)
  t.equal(store.add(refused(1, { kind: 'client' })), false)
  t.equal(store.add(refused(1, { attributes: {} })), true)
  store.add(refused(2, { attributes: { 'weft.policy.decision': 'dry-run-denied', 'weft.policy': 'none' } }))
  t.match(store.refusals({ limit: 5 }), [{ dryRun: true, rule: '' }, { dryRun: false }])
  const tcp = {
    'http.request.method': '',
    'tls.client.server_name': 'db',
    'weft.policy.reference': 'no number',
  }
  store.add(refused(3, { attributes: tcp }))
  t.match(store.refusals({ reference: reference(3), limit: 5 }), [{ protocol: 'tcp', sni: 'db', method: '' }])
  store.add(refused(4, { attributes: { 'rpc.system.name': 'grpc', 'server.address': '2001:db8::1' } }))
  t.match(store.refusals({ limit: 1 }), [{ protocol: 'grpc', host: '[2001:db8::1]:8080' }])
  t.end()
})

t.test('by namespace, since when, the newest first; what is told again counts once', (t) => {
  const store = new DecisionStore()
  for (const n of [2, 1, 3, 2]) store.add(refused(n))
  store.add(refused(4, { namespace: 'other' }))
  const times = (query: { namespace?: string; since?: number; limit?: number }) =>
    store.refusals({ limit: 9, ...query }).map(({ time }) => time - T)
  t.strictSame(times({}), [4, 3, 2, 1])
  t.strictSame(times({ namespace: 'payments' }), [3, 2, 1])
  t.strictSame(times({ since: T + 3 }), [4, 3])
  t.strictSame(times({ limit: 1 }), [4])
  t.equal(store.size, 4)
  t.end()
})

t.test('counts by who, whom and rule, whatever the path', (t) => {
  const store = new DecisionStore()
  store.add(refused(1))
  store.add(refused(2, { pod: 'pay-2', attributes: { 'url.path': '/other' } }))
  store.add(refused(3, { attributes: { 'weft.source_identity': '' } }))
  store.add(refused(4, { attributes: { 'weft.policy': 'none' } }))
  t.match(
    store.counts(0, 9).map(({ count, last }) => [count, last.from.identity, last.rule, last.path]),
    [
      [1, WEB, '', '/charge'],
      [1, '', 'payments/pay/0', '/charge'],
      [2, WEB, 'payments/pay/0', '/other'],
    ],
  )
  t.equal(store.counts(T + 3, 9).length, 2)
  t.end()
})

t.test('a pod that tells much loses its own, never those of others', (t) => {
  for (const limits of [
    { maxRefusals: 50, maxBytes: 1e9 },
    { maxRefusals: 1e9, maxBytes: 100_000 },
  ]) {
    const store = new DecisionStore(limits)
    store.add(refused(0))
    for (let n = 1; n <= 2000; n++) store.add(refused(n, { namespace: 'greedy', pod: `p-${n % 3}` }))
    t.equal(store.refusals({ namespace: 'payments', limit: 5 }).length, 1)
    t.ok(store.size <= 150 && store.size > 20, `${store.size} are kept`)
    t.ok(store.bytes <= 1e9 && store.bytes > 0)
    t.equal(store.refusals({ reference: reference(1), limit: 5 }).length, 0)
    t.equal(store.refusals({ reference: reference(2000), limit: 5 }).length, 1)
  }
  t.end()
})

t.test('who tells is who refused, whatever the span says of itself', (t) => {
  const store = new DecisionStore()
  store.add(refused(1))
  // Another pod that learned the reference.
  store.add(refused(1, { namespace: 'evil', pod: 'evil-1', service: 'evil' }))
  t.strictSame(
    store.refusals({ reference: reference(1), limit: 5 }).map(({ to }) => `${to.namespace}/${to.pod}`),
    ['payments/pay-1', 'evil/evil-1'],
  )
  t.end()
})

t.test('spans are kept as before', (t) => {
  const store = new DecisionStore()
  const kept: StoredSpan[] = []
  const taker = alsoDecisions({ add: (span) => kept.push(span) > 1 }, store)
  t.equal(taker.add(refused(1)), false)
  t.equal(taker.add(refused(2, { kind: 'client' })), true)
  t.strictSame([kept.length, store.size], [2, 1])
  t.end()
})
