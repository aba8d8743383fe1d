import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createIssuing, createRoot, DAY, issueServer, issueWorkload, LEAF_LIFE } from './authority.ts'
import { generateKey } from './key.ts'
import { parseExtensions } from './parsed-extensions.ts'
import { peerIdentity } from './peer.ts'
import { certificatesPem } from './trust-bundle.ts'

const ID = 'spiffe://cluster.local/ns/shop/sa/web'
const publicKey = () => createPublicKey(generateKey())

t.test('a workload certificate says what an X509-SVID must', async (t) => {
  const now = Date.now()
  const root = createRoot('cluster.local', now)
  const { certificate, chain } = issueWorkload(root, { spiffeId: ID, publicKey: publicKey(), now })
  t.equal(certificate.subject, '', 'the subject is empty')
  t.equal(certificate.subjectAltName, `URI:${ID}`)
  t.equal(certificate.ca, false)
  t.same(certificate.keyUsage?.toSorted(), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  t.equal(certificate.verify(root.certificate.publicKey), true)
  t.equal(certificate.checkIssued(root.certificate), true)
  t.equal(chain.length, 1, 'the root is not in the chain')
  const life = certificate.validToDate.getTime() - now
  t.ok(Math.abs(life - LEAF_LIFE) < 1000)
  t.ok(certificate.validFromDate.getTime() <= now - 299_000, 'begins five minutes ago')
  t.same(peerIdentity(certificate, { trustDomain: 'cluster.local', now }), { ok: true, spiffeId: ID })
})

t.test('serial numbers are random, positive and long', async (t) => {
  const root = createRoot('cluster.local', Date.now())
  const serials = new Set<string>()
  for (let i = 0; i < 50; i++) {
    const { serialNumber } = issueWorkload(root, {
      spiffeId: ID,
      publicKey: publicKey(),
      now: Date.now(),
    }).certificate
    serials.add(serialNumber)
    t.match(serialNumber, /^[4-7][0-9A-F]{39}$/)
  }
  t.equal(serials.size, 50)
})

t.test('lifetimes: seconds, never beyond the CA, refused once the CA is over', async (t) => {
  const now = Date.UTC(2026, 0, 1)
  const root = createRoot('cluster.local', now, DAY)
  const short = issueWorkload(root, { spiffeId: ID, publicKey: publicKey(), now, lifeMs: 5_000 }).certificate
  t.equal(short.validToDate.getTime(), now + 5_000)
  t.ok(short.validFromDate.getTime() >= now - 1_000, 'backdated by a tenth at most')
  const long = issueWorkload(root, { spiffeId: ID, publicKey: publicKey(), now, lifeMs: 9 * DAY }).certificate
  t.equal(long.validTo, root.certificate.validTo)
  const issuing = createIssuing(root, 'cluster.local', now)
  t.equal(issuing.certificate.validTo, root.certificate.validTo, 'an issuing CA ends with its root')
  t.throws(() => issueWorkload(root, { spiffeId: ID, publicKey: publicKey(), now: now + DAY }), {
    code: 'ca.expired',
    message: /expired at 2026-01-02T00:00:00.000Z: rotate it/,
  })
  const late = createRoot('cluster.local', Date.UTC(2045, 0, 1))
  t.equal(late.certificate.validToDate.getUTCFullYear(), 2054, 'GeneralizedTime from 2050 on')
})

t.test('names that are refused', async (t) => {
  const now = Date.now()
  const root = createRoot('cluster.local', now)
  const workload = (spiffeId: string) => () => issueWorkload(root, { spiffeId, publicKey: publicKey(), now })
  t.throws(workload('spiffe://cluster.local'), { code: 'ca.root_path' })
  t.throws(workload('https://cluster.local/a'), { code: 'spiffe_id.scheme' })
  const server =
    (...dnsNames: string[]) =>
    () =>
      issueServer(root, { dnsNames, publicKey: publicKey(), now })
  t.throws(server(), { code: 'ca.no_name' })
  for (const name of ['', 'a..b', 'Ä', 'a_b', '-a', 'a\0b', 'a,DNS:b', 'x'.repeat(64)]) {
    t.throws(server(name), { code: 'ca.dns_name' }, JSON.stringify(name))
  }
  t.throws(() => createRoot('Cluster', now), { code: 'spiffe_id.trust_domain' })
})

t.test('openssl verify -x509_strict accepts every kind', async (t) => {
  if (spawnSync('openssl', ['version']).status !== 0) {
    t.comment('skipped: the openssl command is not installed')
    return
  }
  const directory = t.testdir({})
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const now = Date.now()
  const root = createRoot('cluster.local', now)
  const issuing = createIssuing(root, 'cluster.local', now)
  const other = createRoot('cluster.local', now)
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey
  const leaves = {
    'below the root': issueWorkload(root, { spiffeId: ID, publicKey: publicKey(), now }),
    'below the issuing CA': issueWorkload(issuing, { spiffeId: ID, publicKey: publicKey(), now }),
    'with a P-384 key': issueWorkload(issuing, { spiffeId: ID, publicKey: p384, now }),
    'of a server': issueServer(issuing, {
      dnsNames: ['weft-control-plane.weft-system.svc', 'localhost'],
      publicKey: publicKey(),
      now,
    }),
  }
  const bundle = file('roots.pem', certificatesPem([other.certificate, root.certificate]))
  const verify = (roots: string, leaf: string, untrusted: string) =>
    spawnSync(
      'openssl',
      ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', roots, '-untrusted', untrusted, leaf],
      { encoding: 'utf8' },
    )
  for (const [name, { chain }] of Object.entries(leaves)) {
    const leaf = file('leaf.pem', certificatesPem(chain.slice(0, 1)))
    const untrusted = file('chain.pem', certificatesPem(chain))
    const result = verify(bundle, leaf, untrusted)
    t.match(result.stdout + result.stderr, /leaf\.pem: OK\s*$/, name)
    const foreign = verify(file('other.pem', certificatesPem([other.certificate])), leaf, untrusted)
    t.not(foreign.status, 0, `${name}, by another root`)
  }
  for (const ca of [root, issuing]) {
    const args = ['verify', '-x509_strict', '-CAfile', bundle, file('ca.pem', ca.certificate.toString())]
    t.match(spawnSync('openssl', args, { encoding: 'utf8' }).stdout, /OK/, ca.certificate.subject)
  }
})

t.test('an issuing CA cannot make CAs below it', async (t) => {
  const now = Date.now()
  const issuing = createIssuing(createRoot('cluster.local', now), 'cluster.local', now)
  const below = createIssuing(issuing, 'cluster.local', now)
  const directory = t.testdir({})
  if (spawnSync('openssl', ['version']).status !== 0) return t.comment('skipped: no openssl command')
  const leaf = issueWorkload(below, { spiffeId: ID, publicKey: publicKey(), now }).certificate
  writeFileSync(join(directory, 'leaf.pem'), leaf.toString())
  writeFileSync(join(directory, 'root.pem'), issuing.certificate.toString())
  writeFileSync(join(directory, 'chain.pem'), below.certificate.toString())
  const args = ['verify', '-partial_chain', '-CAfile', 'root.pem', '-untrusted', 'chain.pem', 'leaf.pem']
  t.match(
    spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' }).stderr,
    /path length constraint exceeded/,
  )
})

t.test('an extension that stands twice is refused', async (t) => {
  const { sequence, toDer, fromDer } = await import('./der.ts')
  const { keyUsage } = await import('./extensions.ts')
  const twice = fromDer(toDer(sequence(keyUsage('digitalSignature'), keyUsage('certSign'))), 'extensions')
  t.throws(() => parseExtensions(twice), { code: 'der.malformed', message: /2.5.29.15 stands twice/ })
})
