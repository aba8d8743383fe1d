import { createPublicKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { createIssuing, createRoot, issueWorkload, type CaCredentials } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { silentLogger } from '../../core/log.ts'
import { NOBODY_REVOKED, OWN_TRUST, type MeshTrust } from '../../core/mesh-trust.ts'
import { Watched } from '../../core/watched.ts'
import type { Listener } from '../model/listener.ts'
import { listenerOf, MANAGER } from '../testing/static-configuration.ts'
import type { WorkloadSecrets } from '../transport/tls-contexts.ts'
import { PeerTrust } from './peer-trust.ts'

const MESH = 'cluster.local'
const PARTNER = 'partner.example'
const mesh = authority(MESH)
const partner = authority(PARTNER)
const WEB = `spiffe://${MESH}/ns/shop/sa/web`
const PAY = `spiffe://${MESH}/ns/shop/sa/pay`

function authority(domain: string) {
  const root = createRoot(domain, Date.now())
  return { root, issuing: createIssuing(root, domain, Date.now()), pem: root.certificate.toString() }
}

function secretsOf(spiffeId: string, ca: CaCredentials, bundlePem: string): WorkloadSecrets {
  const key = generateKey()
  const { chain } = issueWorkload(ca, { spiffeId, publicKey: createPublicKey(key), now: Date.now() })
  return { certificatePem: certificatesPem(chain), privateKeyPem: privateKeyPem(key), bundlePem, spiffeId }
}

const said = (change: Partial<MeshTrust>): Listener => ({
  ...listenerOf(MANAGER),
  trust: { ...OWN_TRUST, ...change },
})

function trustOf(own: WorkloadSecrets | undefined, first?: Listener) {
  const listener = new Watched<Listener | null | undefined>(first)
  const secrets = new Watched<WorkloadSecrets | undefined>(own)
  const trust = new PeerTrust({ trustDomain: MESH, secrets, listener, log: silentLogger })
  return { trust, listener, secrets }
}

/** A handshake under a trust's own secrets; both ends. */
async function handshake(t: Test, { trust }: { trust: PeerTrust }, caller: WorkloadSecrets) {
  const own = trust.secrets.value as WorkloadSecrets
  const server = tls.createServer({
    cert: own.certificatePem,
    key: own.privateKeyPem,
    ca: own.bundlePem,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const client = tls.connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    cert: caller.certificatePem,
    key: caller.privateKeyPem,
    ca: caller.bundlePem,
    checkServerIdentity: () => undefined,
  })
  client.on('error', () => {})
  const [socket] = await accepted
  socket.on('error', () => {})
  t.teardown(() => {
    client.destroy()
    socket.destroy()
  })
  return { server: socket, client }
}

const serialOf = ({ certificatePem }: WorkloadSecrets) => new X509Certificate(certificatePem).serialNumber
const fingerprintOf = ({ certificatePem }: WorkloadSecrets) =>
  new X509Certificate(certificatePem).fingerprint256.replaceAll(':', '').toLowerCase()

t.test('a revocation refuses who comes and ends who is there, in both roles', async (t) => {
  const web = secretsOf(WEB, mesh.issuing, mesh.pem)
  const revocations: readonly [name: string, revoked: Partial<MeshTrust['revoked']>][] = [
    ['an identity', { identities: [WEB] }],
    ['a serial number', { serials: [serialOf(web).toLowerCase().replace(/^0+/, '')] }],
    ['a fingerprint', { fingerprints: [fingerprintOf(web)] }],
  ]
  for (const [name, revoked] of revocations) {
    const ours = trustOf(secretsOf(PAY, mesh.issuing, mesh.pem))
    const first = await handshake(t, ours, web)
    t.strictSame(ours.trust.read(first.server), { ok: true, id: WEB }, name)
    const other = await handshake(t, ours, secretsOf(PAY, mesh.issuing, mesh.pem))
    t.ok(ours.trust.read(other.server).ok)
    t.equal(ours.trust.open, 2)
    const ended = once(first.client, 'close')
    ours.listener.set(said({ revoked: { ...NOBODY_REVOKED, ...revoked } }))
    await ended
    t.notOk(other.server.destroyed, `${name}: nobody else's connection ends`)
    t.match(ours.trust.read((await handshake(t, ours, web)).server), { ok: false, reason: /is revoked/ })
    t.ok(ours.trust.read((await handshake(t, ours, secretsOf(PAY, mesh.issuing, mesh.pem))).server).ok)
    // Not known for a moment is no reason to forget.
    for (const unknown of [undefined, null]) {
      ours.listener.set(unknown)
      t.notOk(ours.trust.read((await handshake(t, ours, web)).server).ok)
    }
    ours.listener.set(said({}))
    t.ok(ours.trust.read((await handshake(t, ours, web)).server).ok, `${name}: undone`)

    // The same as caller: the socket is the one that called.
    const calling = trustOf(secretsOf(PAY, mesh.issuing, mesh.pem))
    const server = trustOf(web)
    const link = await handshake(t, server, calling.trust.secrets.value as WorkloadSecrets)
    t.strictSame(calling.trust.read(link.client), { ok: true, id: WEB })
    const gone = once(link.server, 'close')
    calling.listener.set(said({ revoked: { ...NOBODY_REVOKED, ...revoked } }))
    await gone
    const again = await handshake(t, server, calling.trust.secrets.value as WorkloadSecrets)
    t.match(calling.trust.read(again.client), { ok: false, reason: /is revoked/ })
  }
})

t.test('a workload whose own certificate is revoked wants another', (t) => {
  const first = secretsOf(WEB, mesh.issuing, mesh.pem)
  const { trust, listener, secrets } = trustOf(first)
  t.notOk(trust.ownRevoked.value)
  listener.set(said({ revoked: { ...NOBODY_REVOKED, fingerprints: [fingerprintOf(first)] } }))
  t.ok(trust.ownRevoked.value)
  secrets.set(secretsOf(WEB, mesh.issuing, mesh.pem))
  t.notOk(trust.ownRevoked.value)
  t.ok(trustOf(first, listener.value ?? undefined).trust.ownRevoked.value, 'also of one that it began with')
  t.end()
})

t.test('a CA of one domain proves no identity of another', async (t) => {
  const trusting = said({ federated: { [PARTNER]: partner.pem } })
  const own = secretsOf(PAY, mesh.issuing, mesh.pem)
  const both = `${mesh.pem}\n${partner.pem}`
  const callers: readonly [id: string, ca: CaCredentials, accepted: boolean][] = [
    [WEB, mesh.issuing, true],
    [`spiffe://${PARTNER}/ns/shop/sa/web`, partner.issuing, true],
    [WEB, partner.issuing, false],
    [`spiffe://${PARTNER}/ns/shop/sa/web`, mesh.issuing, false],
    ['spiffe://elsewhere.example/ns/shop/sa/web', partner.issuing, false],
  ]
  for (const [id, ca, accepted] of callers) {
    const ours = trustOf(own, trusting)
    const { server } = await handshake(t, ours, secretsOf(id, ca, both))
    t.equal(ours.trust.read(server).ok, accepted, `${id} of ${ca === mesh.issuing ? MESH : PARTNER}`)
  }
  const ours = trustOf(own)
  t.equal(ours.trust.secrets.value, own, 'without federation nothing is added')
  ours.listener.set(trusting)
  t.match(ours.trust.secrets.value?.bundlePem, partner.pem)
  const { server, client } = await handshake(
    t,
    ours,
    secretsOf(`spiffe://${PARTNER}/a`, partner.issuing, both),
  )
  t.ok(ours.trust.read(server).ok)
  ours.listener.set(said({ federated: { [PARTNER]: '' } }))
  t.match(
    ours.trust.secrets.value?.bundlePem,
    partner.pem,
    'a control plane that begins anew takes nothing away',
  )
  t.notOk(server.destroyed)
  const ended = once(client, 'close')
  ours.listener.set(said({}))
  await ended
  t.equal(ours.trust.secrets.value, own, 'a domain that is trusted no more loses its connections')
})

t.test("a bundle for one of the mesh's own names proves nothing", (t) => {
  const own = secretsOf(PAY, mesh.issuing, mesh.pem)
  const federated = { [MESH]: partner.pem, 'old.local': partner.pem }
  t.equal(trustOf(own, said({ names: [MESH, 'old.local'], federated })).trust.secrets.value, own)
  t.end()
})

t.test('other names of the trust domain', async (t) => {
  const old = 'spiffe://old.local/ns/shop/sa/web'
  const ours = trustOf(secretsOf(PAY, mesh.issuing, mesh.pem))
  const read = async () =>
    ours.trust.read((await handshake(t, ours, secretsOf(old, mesh.issuing, mesh.pem))).server)
  t.match(await read(), { ok: false, reason: /old\.local/ })
  ours.listener.set(said({ names: ['old.local', MESH] }))
  t.strictSame(await read(), { ok: true, id: old, otherNames: [WEB] })
  t.strictSame(ours.trust.read((await handshake(t, ours, secretsOf(WEB, mesh.issuing, mesh.pem))).server), {
    ok: true,
    id: WEB,
    otherNames: [old],
  })
})
