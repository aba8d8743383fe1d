import t from 'tap'
import { createIssuing, createRoot, issueWorkload } from './authority.ts'
import { generateKey } from './key.ts'
import { leadsToRoot } from './path.ts'
import { formatSpiffeBundle, parseSpiffeBundle } from './spiffe-bundle.ts'
import { trustBundle } from './trust-bundle.ts'
import { createPublicKey } from 'node:crypto'

const now = Date.now()
const root = createRoot('partner.example', now)
const x5c = [root.certificate.raw.toString('base64')]

t.test('a bundle is what it was once it is read again', (t) => {
  const other = createRoot('partner.example', now)
  const bundle = trustBundle([root.certificate, other.certificate], 'test')
  const text = JSON.stringify(formatSpiffeBundle(bundle, 300_000))
  t.match(JSON.parse(text), {
    keys: [{ use: 'x509-svid', kty: 'EC', crv: 'P-256' }, {}],
    spiffe_refresh_hint: 300,
  })
  t.strictSame(parseSpiffeBundle(text, 'test').bundle.pem, bundle.pem)
  t.equal(parseSpiffeBundle(text, 'test').refreshMs, 300_000)
  t.end()
})

t.test('keys of other uses are left out', (t) => {
  const keys = [{ use: 'jwt-svid', kty: 'EC' }, { kty: 'EC' }, { use: 'x509-svid', x5c }]
  const read = parseSpiffeBundle(JSON.stringify({ keys, spiffe_sequence: 7 }), 'test')
  t.equal(read.bundle.roots.length, 1)
  t.equal(read.sequence, 7)
  t.end()
})

t.test('whatever is no bundle is refused', (t) => {
  const { certificate } = issueWorkload(root, {
    spiffeId: 'spiffe://partner.example/a',
    publicKey: createPublicKey(generateKey()),
    now,
  })
  const wrong: readonly (readonly [document: unknown, message: RegExp])[] = [
    ['', /no list "keys"/],
    [[], /no list "keys"/],
    [{ keys: {} }, /no list "keys"/],
    [{ keys: [null] }, /keys\[0\] is no object/],
    [{ keys: [{ use: 'x509-svid' }] }, /keys\[0\]\.x5c must hold one certificate/],
    [{ keys: [{ use: 'x509-svid', x5c: [...x5c, ...x5c] }] }, /must hold one certificate/],
    [{ keys: [{ use: 'x509-svid', x5c: ['AAAA'] }] }, /x5c\[0\] cannot be read/],
    [{ keys: [{ use: 'x509-svid', x5c: [certificate.raw.toString('base64')] }] }, /is not a CA/],
    [{ keys: [] }, /holds no root/],
  ]
  for (const [document, message] of wrong)
    t.throws(() => parseSpiffeBundle(JSON.stringify(document), 'test'), { message })
  t.throws(() => parseSpiffeBundle('<html>', 'test'), { message: /it is not JSON/ })
  t.end()
})

t.test('a path leads to its own root and no other', (t) => {
  const issuing = createIssuing(root, 'partner.example', now)
  const key = createPublicKey(generateKey())
  const leaf = issueWorkload(issuing, {
    spiffeId: 'spiffe://partner.example/a',
    publicKey: key,
    now,
  }).certificate
  const stranger = createRoot('partner.example', now)
  const leads = (between = [issuing.certificate], roots = [root.certificate], at = now): boolean =>
    leadsToRoot(leaf, between, roots, at)
  t.ok(leads())
  t.ok(leads([stranger.certificate, issuing.certificate]), 'in whatever order')
  t.notOk(leads([]), 'a link is missing')
  t.notOk(leads([issuing.certificate], [stranger.certificate]))
  t.notOk(leads([issuing.certificate], []))
  t.notOk(leads([leaf, leaf], [leaf]), 'what is no CA signs nothing')
  t.notOk(
    leads([issuing.certificate], [root.certificate], root.certificate.validToDate.getTime()),
    'it has ended',
  )
  t.end()
})
