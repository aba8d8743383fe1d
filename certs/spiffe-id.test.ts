import fc from 'fast-check'
import t from 'tap'
import { WeftError } from '../core/errors.ts'
import { checkTrustDomain, formatSpiffeId, parseSpiffeId, workloadId, workloadOf } from './spiffe-id.ts'

t.test('IDs of the standard are read', async (t) => {
  t.same(parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web'), {
    trustDomain: 'cluster.local',
    path: '/ns/shop/sa/web',
  })
  t.same(parseSpiffeId('spiffe://cluster.local'), { trustDomain: 'cluster.local', path: '' })
  t.same(parseSpiffeId('spiffe://1.2.3.4/A_b-c.d').path, '/A_b-c.d')
})

t.test('everything else is refused by name', async (t) => {
  const cases: [text: string, code: string][] = [
    ['', 'scheme'],
    ['http://cluster.local/a', 'scheme'],
    ['SPIFFE://cluster.local/a', 'scheme'],
    ['spiffe:/cluster.local/a', 'scheme'],
    ['spiffe://', 'trust_domain'],
    ['spiffe:///ns/a', 'trust_domain'],
    ['spiffe://Cluster.local/a', 'trust_domain'],
    ['spiffe://clüster.local/a', 'trust_domain'],
    ['spiffe://cluster%2elocal/a', 'trust_domain'],
    [`spiffe://${'a'.repeat(256)}/a`, 'trust_domain'],
    ['spiffe://cluster.local:443/a', 'port'],
    ['spiffe://me@cluster.local/a', 'userinfo'],
    ['spiffe://[::1]/a', 'port'],
    ['spiffe://cluster.local/', 'path'],
    ['spiffe://cluster.local/a/', 'path'],
    ['spiffe://cluster.local//a', 'path'],
    ['spiffe://cluster.local/a/../b', 'path'],
    ['spiffe://cluster.local/./b', 'path'],
    ['spiffe://cluster.local/a%2Fb', 'path'],
    ['spiffe://cluster.local/a b', 'path'],
    ['spiffe://cluster.local/a\u0000b', 'path'],
    ['spiffe://cluster.local/a\n', 'path'],
    ['spiffe://cluster.local/a?b', 'query'],
    ['spiffe://cluster.local/a#b', 'fragment'],
    [`spiffe://cluster.local/${'a'.repeat(2048)}`, 'too_long'],
  ]
  for (const [text, code] of cases) {
    t.throws(() => parseSpiffeId(text), { code: `spiffe_id.${code}` }, JSON.stringify(text.slice(0, 60)))
  }
  t.doesNotThrow(() => parseSpiffeId(`spiffe://a/${'b'.repeat(2048 - 11)}`), 'exactly 2048 bytes')
})

t.test('random text is parsed to the same text or refused with a WeftError', async () => {
  const near = fc
    .string({ unit: fc.constantFrom(...'az09.-_:@?#/%AZ\0\n\x7f\u00ff'.split('')), maxLength: 40 })
    .map((tail) => `spiffe://${tail}`)
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), (text) => {
      try {
        return formatSpiffeId(parseSpiffeId(text)) === text
      } catch (error) {
        return error instanceof WeftError && !/\p{Cc}/u.test(error.message)
      }
    }),
  )
})

t.test('the identity of a workload', async (t) => {
  const id = workloadId('cluster.local', 'shop', 'web')
  t.equal(id, 'spiffe://cluster.local/ns/shop/sa/web')
  t.same(workloadOf(parseSpiffeId(id)), { namespace: 'shop', serviceAccount: 'web' })
  for (const path of ['', '/ns/shop', '/ns/shop/sa/web/x', '/sa/web/ns/shop', '/ns/shop/sb/web']) {
    t.equal(workloadOf({ trustDomain: 'a', path }), undefined, path)
  }
  t.throws(() => workloadId('cluster.local', 'shop/sa/admin', 'web/..'), { code: 'spiffe_id.path' })
  t.throws(() => workloadId('cluster.local', '', 'web'), { code: 'spiffe_id.path' })
  t.throws(() => checkTrustDomain('a/b', 'meshConfig.trustDomain'), {
    code: 'spiffe_id.trust_domain',
    field: 'meshConfig.trustDomain',
  })
})
