import t from 'tap'
import { createPublicKey } from 'node:crypto'
import { createRoot, issueWorkload } from './authority.ts'
import { generateKey, privateKeyPem } from './key.ts'
import { certificatesPem, mergeBundles, parseTrustBundle, sameBundle } from './trust-bundle.ts'

const now = Date.now()
const [a, b] = [createRoot('a', now).certificate, createRoot('a', now).certificate]
const leafOf = createRoot('a', now)

t.test('several roots, none twice, whatever stands between them', async (t) => {
  const bundle = parseTrustBundle(
    `# old\r\n${a.toString()}\n\nnew root:\n${b.toString()}${a.toString()}`,
    'x',
  )
  t.same(
    bundle.roots.map((root) => root.fingerprint256),
    [a.fingerprint256, b.fingerprint256],
  )
  t.equal(bundle.pem, certificatesPem([a, b]))
  t.ok(sameBundle(bundle, parseTrustBundle(b.toString() + a.toString(), 'y')))
  t.notOk(sameBundle(bundle, parseTrustBundle(a.toString(), 'y')))
  t.notOk(sameBundle(parseTrustBundle(b.toString(), 'x'), parseTrustBundle(a.toString(), 'y')))
  t.ok(parseTrustBundle(a.toString().replaceAll('\n', '\r\n'), 'x'))
})

t.test('merged in order of first mention', async (t) => {
  const one = parseTrustBundle(b.toString(), 'x')
  const both = parseTrustBundle(a.toString() + b.toString(), 'y')
  t.equal(mergeBundles(one, both).pem, certificatesPem([b, a]))
})

t.test('what is wrong is named', async (t) => {
  const leaf = issueWorkload(leafOf, {
    spiffeId: 'spiffe://a/ns/b/sa/c',
    publicKey: createPublicKey(generateKey()),
    now,
  }).certificate
  const cases: [pem: string, code: string, message: RegExp][] = [
    ['', 'empty', /^roots\.pem holds no certificate in PEM$/],
    ['garbage', 'empty', /roots\.pem/],
    [
      a.toString() + b.toString().slice(0, 300),
      'malformed',
      /^roots\.pem: PEM block 2 of 2 is cut or damaged$/,
    ],
    [
      `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----`,
      'malformed',
      /certificate 1 cannot be read/,
    ],
    [
      a.toString() + privateKeyPem(generateKey()),
      'malformed',
      /PEM block 2 is a PRIVATE KEY, not a CERTIFICATE/,
    ],
    [a.toString() + leaf.toString(), 'not_a_ca', /certificate 2 \(no subject\) is not a CA/],
  ]
  for (const [pem, code, message] of cases) {
    t.throws(() => parseTrustBundle(pem, 'roots.pem'), { code: `bundle.${code}`, message })
  }
  const many = Array.from({ length: 65 }, () => createRoot('a', now).certificate)
  t.throws(() => parseTrustBundle(certificatesPem(many), 'x'), { code: 'bundle.too_many' })
})
