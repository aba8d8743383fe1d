import { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { createRoot, DAY } from '../../certs/authority.ts'
import type { Authority } from '../../certs/authority.ts'
import { openCaStore, type CaStore } from '../../certs/ca-store.ts'
import { ManualClock } from '../../core/clock.ts'
import { createLogger } from '../../core/log.ts'
import { stalledHandshakes } from '../../core/testing/stalled-handshakes.ts'
import { Watched } from '../../core/watched.ts'
import { authorityIssuer } from '../issuers/own-ca.ts'
import { serveGrpc } from './grpc-server.ts'
import { serverCertificate } from './server-certificate.ts'

const NAME = 'weft-control-plane.weft-system.svc'

/** A gRPC server without services: what it shows in a handshake is what counts. */
async function serve(t: Test) {
  const ca: CaStore = openCaStore({ directory: t.testdir({}), trustDomain: 'cluster.local' })
  const clock = new ManualClock(Date.now())
  const authority = new Watched<Authority>(ca.authority.value)
  const lines: string[] = []
  const log = createLogger('test', 'debug', (line) => lines.push(line))
  const issuer = authorityIssuer('the CA', authority, { clock })
  const certificate = await serverCertificate({ issuer, dnsNames: [NAME], log, clock, random: () => 0.5 })
  const { credentials } = certificate
  const handshakes = new ManualClock()
  const serving = { credentials, services: [], authenticate: undefined, log, clock: handshakes }
  const server = await serveGrpc('--grpc', { host: '127.0.0.1', port: 0 }, serving)
  t.teardown(() => certificate.close())
  t.teardown(() => server.close())
  return { ca, clock, handshakes, authority, lines, certificate, port: server.port }
}

/** What a new connection is shown; the test's clock is ahead of that of TLS, so that the chain is checked by hand. */
function shown(port: number): Promise<{ leaf: X509Certificate; issuer: X509Certificate }> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: NAME,
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
    })
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      const { raw, issuerCertificate } = socket.getPeerCertificate(true)
      socket.destroy()
      resolve({ leaf: new X509Certificate(raw), issuer: new X509Certificate(issuerCertificate.raw) })
    })
  })
}

t.test('the certificate names the control plane and comes from the CA of the mesh', async (t) => {
  const { ca, port } = await serve(t)
  const { leaf, issuer } = await shown(port)
  t.equal(leaf.checkHost(NAME), NAME)
  t.equal(leaf.ca, false)
  t.ok(leaf.verify(issuer.publicKey))
  const [root] = ca.authority.value.bundle.roots
  t.ok(root && issuer.verify(root.publicKey), 'the issuing CA is sent along')
})

t.test('it is renewed before it ends, again and again', async (t) => {
  const { clock, port, lines } = await serve(t)
  const serials = new Set<string>()
  for (let day = 0; day < 3; day++) {
    const { leaf } = await shown(port)
    serials.add(leaf.serialNumber)
    t.ok(leaf.validToDate.getTime() > clock.now() + DAY / 4, 'what is shown is far from its end')
    clock.advance((DAY * 3) / 4)
  }
  t.equal(serials.size, 3)
  t.strictSame(lines, [])
})

t.test('a new CA is served at once', async (t) => {
  const { ca, authority, port } = await serve(t)
  const before = await shown(port)
  ca.prepareRoot()
  ca.promoteRoot()
  authority.set(ca.authority.value)
  const after = await shown(port)
  const [root] = ca.authority.value.bundle.roots
  t.notOk(root && before.issuer.verify(root.publicKey))
  t.ok(root && after.issuer.verify(root.publicKey))
  t.ok(after.leaf.verify(after.issuer.publicKey))
})

t.test('a CA that cannot sign now leaves the certificate in force, and is tried again', async (t) => {
  const { ca, authority, clock, port, lines } = await serve(t)
  const before = await shown(port)
  const good = ca.authority.value
  authority.set({ ...good, credentials: createRoot('cluster.local', clock.now() - 2 * DAY, DAY) })
  t.equal((await shown(port)).leaf.serialNumber, before.leaf.serialNumber)
  t.match(lines, [/could not be renewed.*expired at/])
  clock.advance(1000)
  await shown(port)
  t.equal(lines.length, 2)
  authority.set(good)
  t.not((await shown(port)).leaf.serialNumber, before.leaf.serialNumber)
  clock.advance(20_000)
  await shown(port)
  t.equal(lines.length, 2)
})

t.test('once closed it is renewed no more', async (t) => {
  const { ca, authority, certificate, clock, port } = await serve(t)
  const before = await shown(port)
  certificate.close()
  clock.advance(2 * DAY)
  authority.set({ ...ca.authority.value })
  t.equal((await shown(port)).leaf.serialNumber, before.leaf.serialNumber)
})

t.test('handshakes that one address never finishes keep no sidecar waiting', async (t) => {
  const { port, handshakes } = await serve(t)
  const options = { ALPNProtocols: ['h2'] }
  const stalled = await stalledHandshakes(t, { port, from: '127.0.0.2', count: 100 }, options)
  await stalled.untilAnswered(16)
  t.equal((await shown(port)).leaf.checkHost(NAME), NAME)
  t.equal(stalled.answered(), 16, 'the others are held')
  handshakes.advance(5000)
  await stalled.untilAnswered(17)
})
