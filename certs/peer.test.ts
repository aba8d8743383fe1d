import { createPublicKey, type X509Certificate } from 'node:crypto'
import t from 'tap'
import { createIssuing, createRoot, DAY, issueServer, issueWorkload } from './authority.ts'
import { buildCertificate, distinguishedName } from './certificate.ts'
import { sequence, type Asn1 } from './der.ts'
import { basicConstraints, keyUsage, subjectAltName } from './extensions.ts'
import { generateKey, spkiDer } from './key.ts'
import { peerIdentity } from './peer.ts'

const NOW = Date.UTC(2026, 0, 1)
const ID = 'spiffe://cluster.local/ns/shop/sa/web'
const expected = { trustDomain: 'cluster.local', now: NOW }
const root = createRoot('cluster.local', NOW)

function certificate(...extensions: Asn1[]): X509Certificate {
  return buildCertificate(
    {
      issuer: distinguishedName([]),
      subject: sequence(),
      spki: spkiDer(createPublicKey(generateKey())),
      notBefore: NOW - 1000,
      notAfter: NOW + DAY,
      extensions,
    },
    root.key,
  )
}

const reason = (one: X509Certificate, check = expected) => {
  const peer = peerIdentity(one, check)
  return peer.ok ? peer.spiffeId : peer.reason
}
const withUris = (...uri: string[]) => certificate(basicConstraints(undefined), subjectAltName({ uri }, true))

t.test('exactly one URI name that is a workload of the trust domain', async (t) => {
  t.equal(reason(withUris(ID)), ID)
  t.equal(reason(certificate(subjectAltName({ uri: [ID], dns: ['web'] }, true))), ID, 'DNS names do no harm')
  t.equal(reason(withUris(ID, ID)), 'several_uri_sans')
  t.equal(reason(withUris(ID, 'https://a')), 'several_uri_sans')
  t.equal(reason(certificate(basicConstraints(undefined))), 'no_uri_san')
  t.equal(reason(withUris()), 'no_uri_san')
  t.equal(reason(withUris('https://cluster.local/ns/shop/sa/web')), 'not_a_spiffe_id')
  t.equal(reason(withUris('spiffe://cluster.local')), 'root_path')
  t.equal(reason(withUris('spiffe://other.example/ns/shop/sa/web')), 'foreign_trust_domain')
  t.equal(reason(withUris('spiffe://cluster.local.evil.example/ns/shop/sa/web')), 'foreign_trust_domain')
})

t.test('names that a text form would confuse', async (t) => {
  t.equal(reason(withUris(`${ID}\0.evil.example`)), 'not_a_spiffe_id')
  t.equal(reason(withUris(`${ID}, URI:spiffe://cluster.local/ns/shop/sa/admin`)), 'not_a_spiffe_id')
  t.equal(reason(withUris(`${ID}\r\nx-evil: 1`)), 'not_a_spiffe_id')
  const confused = certificate(
    subjectAltName({ dns: [`a, URI:${ID}`], uri: ['spiffe://cluster.local/ns/a/sa/b'] }, true),
  )
  t.equal(reason(confused), 'spiffe://cluster.local/ns/a/sa/b')
  const peer = peerIdentity(withUris('spiffe://cluster.local/\n\u0085'), expected)
  t.notMatch(peer.ok ? '' : peer.detail, /\p{Cc}/u, 'nothing can break a line')
})

t.test('who may sign others is no workload', async (t) => {
  const names = subjectAltName({ uri: [ID] }, true)
  t.equal(reason(certificate(basicConstraints(0), names)), 'is_ca')
  t.equal(reason(certificate(keyUsage('certSign'), names)), 'is_ca')
  t.equal(reason(root.certificate), 'is_ca')
  t.equal(reason(createIssuing(root, 'cluster.local', NOW).certificate), 'is_ca')
})

t.test('the time is looked at, with the given clock', async (t) => {
  const publicKey = createPublicKey(generateKey())
  const leaf = issueWorkload(root, { spiffeId: ID, publicKey, now: NOW, lifeMs: 10_000 }).certificate
  t.equal(reason(leaf, { ...expected, now: NOW + 9_999 }), ID)
  t.equal(reason(leaf, { ...expected, now: NOW + 10_000 }), 'expired')
  t.equal(reason(leaf, { ...expected, now: NOW - 5_000 }), 'not_yet_valid')
})

t.test('doubled or damaged extensions are refused', async (t) => {
  const names = () => subjectAltName({ uri: [ID] }, true)
  t.equal(reason(certificate(names(), names())), 'malformed')
})

t.test('a server certificate is no workload', async (t) => {
  const publicKey = createPublicKey(generateKey())
  t.equal(reason(issueServer(root, { dnsNames: ['a.b'], publicKey, now: NOW }).certificate), 'no_uri_san')
})
