import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls, { type TLSSocket, type TlsOptions } from 'node:tls'
import t, { type Test } from 'tap'
import {
  createIssuing,
  createRoot,
  DAY,
  issueServer,
  issueWorkload,
  type CaCredentials,
} from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { verifyPeer } from './verify-peer.ts'

const now = Date.now()
const root = createRoot('cluster.local', now)
const issuing = createIssuing(root, 'cluster.local', now)
const idOf = (name: string) => `spiffe://cluster.local/ns/shop/sa/${name}`

function credentials(spiffeId: string, ca: CaCredentials = issuing) {
  const key = generateKey()
  const { chain } = issueWorkload(ca, { spiffeId, publicKey: createPublicKey(key), now: Date.now() })
  return { key: privateKeyPem(key), cert: certificatesPem(chain), ca: root.certificate.toString() }
}

const MUTUAL: TlsOptions = { requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' }

async function listen(t: Test, options: TlsOptions) {
  const server = tls.createServer({ ...MUTUAL, ...options })
  // A refused client is an error of its own connection.
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { server, port: (server.address() as AddressInfo).port }
}

/** Both ends after the handshake, and the session that the server offered. */
async function connect(t: Test, at: Awaited<ReturnType<typeof listen>>, options: tls.ConnectionOptions) {
  const accepted = once(at.server, 'secureConnection') as Promise<[TLSSocket]>
  const client = tls.connect({
    host: '127.0.0.1',
    port: at.port,
    checkServerIdentity: () => undefined,
    ...options,
  })
  let session: Buffer | undefined
  client.on('session', (value: Buffer) => (session = value))
  await once(client, 'secureConnect')
  const [server] = await accepted
  for (const socket of [client, server]) {
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
  }
  // The tickets come before the first byte.
  server.write('x')
  await once(client, 'data')
  return { client, server, session: () => session }
}

const check = (socket: TLSSocket, expected?: string[], at = Date.now(), trustDomain = 'cluster.local') => {
  const peer = verifyPeer(socket, { trustDomain, expected, now: at })
  return peer.ok ? peer.spiffeId : peer.reason
}

t.test('both ends learn who the other is', async (t) => {
  const at = await listen(t, credentials(idOf('catalog')))
  const { client, server } = await connect(t, at, credentials(idOf('web')))
  t.equal(check(client), idOf('catalog'))
  t.equal(check(server), idOf('web'))
  t.equal(check(client, [idOf('other'), idOf('catalog')]), idOf('catalog'))
  t.equal(check(client, [idOf('other')]), 'unexpected_identity', 'a pod address that is reused')
  t.equal(check(client, []), 'unexpected_identity')
  t.equal(check(server, undefined, Date.now() + 2 * DAY), 'expired')
  t.equal(check(server, undefined, Date.now(), 'other.example'), 'foreign_trust_domain')
  const peer = verifyPeer(client, {
    trustDomain: 'cluster.local',
    expected: [idOf('a'), idOf('b')],
    now: Date.now(),
  })
  t.match(peer, { ok: false, detail: `${idOf('catalog')} answers where ${idOf('a')} or ${idOf('b')} should` })
})

t.test('without a certificate, or with one of another root, nobody is anybody', async (t) => {
  const stranger = createRoot('cluster.local', now)
  const open = await listen(t, { ...credentials(idOf('catalog')), rejectUnauthorized: false })
  const anonymous = await connect(t, open, { ca: root.certificate.toString() })
  t.equal(check(anonymous.server), 'untrusted')
  const foreign = await connect(t, open, credentials(idOf('web'), stranger))
  t.equal(check(foreign.server), 'untrusted')
  const careless = await connect(t, open, {
    ...credentials(idOf('web')),
    ca: stranger.certificate.toString(),
    rejectUnauthorized: false,
  })
  t.equal(check(careless.client), 'untrusted')
  const oneWay = await listen(t, { ...credentials(idOf('catalog')), requestCert: false })
  const { server } = await connect(t, oneWay, credentials(idOf('web')))
  t.equal(check(server), 'untrusted', 'nobody asked for a certificate')
})

t.test('a server certificate of the mesh CA is no workload', async (t) => {
  const key = generateKey()
  const { chain } = issueServer(issuing, { dnsNames: ['a.b'], publicKey: createPublicKey(key), now })
  const server = { key: privateKeyPem(key), cert: certificatesPem(chain), ca: root.certificate.toString() }
  const { client } = await connect(t, await listen(t, server), credentials(idOf('web')))
  t.equal(check(client), 'no_uri_san')
})

t.test('CVE-2026-48934: a resumed session is no way around', async (t) => {
  const at = await listen(t, credentials(idOf('catalog')))
  const own = credentials(idOf('web'))
  const first = await connect(t, at, own)
  let called = 0
  const checkServerIdentity = () => {
    called++
    return undefined
  }
  const session = first.session()
  t.ok(session)
  const again = await connect(t, at, { ...own, session, checkServerIdentity })
  t.equal(again.client.isSessionReused(), true)
  t.equal(again.client.authorized, true, 'Node says so')
  t.equal(called, 0, 'and asked nobody')
  const seen = check(again.client, [idOf('admin')])
  t.ok(['no_certificate', 'unexpected_identity'].includes(seen), `the calling side refuses: ${seen}`)
  t.equal(check(again.server), idOf('web'), 'the answering side still knows who calls')
  t.equal(check(again.server, [idOf('admin')]), 'unexpected_identity')
  t.equal(
    check(again.server, undefined, Date.now() + 2 * DAY),
    'expired',
    'TLS does not look at the time again',
  )
})

t.test(
  'a session taken to another pod of a reused address gives that pod no identity but its own',
  async (t) => {
    const own = credentials(idOf('web'))
    const first = await connect(t, await listen(t, credentials(idOf('catalog'))), own)
    const session = first.session()
    t.ok(session)
    const { client } = await connect(t, await listen(t, credentials(idOf('other'))), { ...own, session })
    t.equal(client.isSessionReused(), false)
    t.equal(check(client, [idOf('catalog')]), 'unexpected_identity')
  },
)

t.test('many client certificates leak nothing into the process', async (t) => {
  const at = await listen(t, credentials(idOf('catalog')))
  for (let i = 0; i < 20; i++) {
    const { client, server } = await connect(t, at, credentials(idOf(`web-${i}`)))
    t.equal(check(server), idOf(`web-${i}`))
    client.destroy()
    await once(server, 'close')
  }
})
