import { createPublicKey, type X509Certificate } from 'node:crypto'
import t from 'tap'
import { createIssuing, createRoot, DAY } from '../../certs/authority.ts'
import { generateKey } from '../../certs/key.ts'
import { Oid } from '../../certs/oids.ts'
import { trustBundle } from '../../certs/trust-bundle.ts'
import { AnyCa, WEB, workloadRequest, type Made } from './testing/issued.ts'
import { verifyIssued } from './verify-issued.ts'

const NOW = Date.now()
const ca = new AnyCa(NOW - DAY)
const bundle = trustBundle([ca.root.certificate], 'test')
const HOUR = DAY / 24

t.test('what was asked for is handed on, without its root', async (t) => {
  const request = workloadRequest()
  const answer = ca.answer(request, NOW)
  t.strictSame(verifyIssued(answer, request, bundle, NOW), answer)
  t.strictSame(verifyIssued([...answer, ca.root.certificate], request, bundle, NOW), answer)
  const shorter = ca.answer(request, NOW, { to: NOW + HOUR })
  t.ok(verifyIssued(shorter, request, bundle, NOW), 'a shorter life is the right of an issuer')
  const byRoot = ca.answer(request, NOW, {}, ca.root)
  t.strictSame(verifyIssued(byRoot, request, bundle, NOW), byRoot)
  t.ok(
    verifyIssued(ca.answer(request, NOW, { uses: [] }), request, bundle, NOW),
    'no list of uses allows all',
  )
  const server = { ...request, names: { dnsNames: ['a.svc', 'b.svc'] } }
  t.ok(verifyIssued(ca.answer(server, NOW, { uses: [Oid.serverAuth] }), server, bundle, NOW))
})

const OTHER = 'spiffe://cluster.local/ns/shop/sa/admin'
const wrong: readonly (readonly [what: string, made: Made, field: string, says: RegExp])[] = [
  [
    'another name',
    { uri: [OTHER] },
    'subjectAltName',
    /sa\/admin", and spiffe:.*sa\/web was asked for: have/,
  ],
  ['a second name', { uri: [WEB, OTHER] }, 'subjectAltName', /sa\/admin/],
  ['its name twice', { uri: [WEB, WEB] }, 'subjectAltName', /twice/],
  ['a DNS name besides', { uri: [WEB], dns: ['bank.example'] }, 'subjectAltName', /DNS bank\.example/],
  ['no URI', { dns: ['web.shop'] }, 'subjectAltName', /has no URI.*let the issuer certify URIs/],
  ['no name', { uri: [] }, 'subjectAltName', /has no URI/],
  ['another trust domain', { uri: ['spiffe://other/ns/shop/sa/web'] }, 'subjectAltName', /other\/ns/],
  ['a URI that breaks a line', { uri: ['spiffe://a/\nb'] }, 'subjectAltName', /spiffe:\/\/a\/\\nb/],
  [
    'another key',
    { publicKey: createPublicKey(generateKey()) },
    'publicKey',
    /another key.*sign the request/,
  ],
  ['a CA', { ca: true }, 'basicConstraints', /is that of a CA/],
  ['servers only', { uses: [Oid.serverAuth] }, 'extKeyUsage', /lacks "client auth"/],
  ['clients only', { uses: [Oid.clientAuth] }, 'extKeyUsage', /lacks "server auth"/],
  ['too long', { to: NOW + 3 * DAY }, 'notAfter', /86400 s were asked for: .*--certificate-hours/],
  ['too short', { to: NOW + 60_000 }, 'notAfter', /raise the longest life/],
  ['over', { from: NOW - HOUR, to: NOW - 1000 }, 'notAfter', /is over since .*compare the clocks/],
  ['not yet', { from: NOW + HOUR }, 'notBefore', /compare the clocks/],
]

t.test('what is wrong is refused by its field, and says what to do', async (t) => {
  for (const [what, made, field, message] of wrong) {
    const request = workloadRequest()
    t.throws(
      () => verifyIssued(ca.answer(request, NOW, made), request, bundle, NOW),
      { code: 'issuer.wrong_answer', field, message },
      what,
    )
  }
})

t.test('a chain must lead to the bundle, by CAs that are good now', async (t) => {
  const request = workloadRequest()
  const other = new AnyCa(NOW - DAY)
  const old = createIssuing(ca.root, 'cluster.local', NOW - 2 * DAY, DAY)
  const narrow = createIssuing(ca.issuing, 'cluster.local', NOW - DAY)
  const [leaf] = ca.answer(request, NOW) as [X509Certificate]
  const below = ca.answer(request, NOW, {}, narrow)
  const chains: readonly (readonly [string, readonly X509Certificate[], RegExp])[] = [
    ['another root', other.answer(request, NOW), /leads to no root of the trust bundle \(".*"\): put/],
    ['no intermediate', [leaf], /leads to no root/],
    ['the intermediate of another', [leaf, other.issuing.certificate], /leads to no root/],
    ['an expired CA', ca.answer(request, NOW, {}, old), /expired at/],
    ['too many CAs', [...below, ca.issuing.certificate], /allows 0 CAs below it and has 1/],
    ['endless', [leaf, ...Array.from({ length: 8 }, () => ca.issuing.certificate)], /has 9 certificates/],
  ]
  for (const [what, chain, message] of chains) {
    t.throws(
      () => verifyIssued(chain, request, bundle, NOW),
      { code: 'issuer.wrong_answer', field: 'chain', message },
      what,
    )
  }
  t.throws(() => verifyIssued([], request, bundle, NOW), { field: 'certificate', message: /is missing/ })
  const intermediate = trustBundle([ca.issuing.certificate], 'test')
  t.throws(() => verifyIssued(ca.answer(request, NOW), request, intermediate, NOW), {
    field: 'chain',
    message: /is no root/,
  })
  const before = createRoot('cluster.local', NOW - 2 * DAY, DAY)
  t.throws(
    () =>
      verifyIssued(ca.answer(request, NOW, {}, before), request, trustBundle([before.certificate], ''), NOW),
    { field: 'chain', message: /expired at/ },
  )
})

t.test('a server needs each of its names, and no URI', async (t) => {
  const request = { ...workloadRequest(), names: { dnsNames: ['a.svc', 'b.svc'] } }
  t.throws(() => verifyIssued(ca.answer(request, NOW, { dns: ['a.svc'] }), request, bundle, NOW), {
    field: 'subjectAltName',
    message: /has no DNS name b\.svc/,
  })
})
