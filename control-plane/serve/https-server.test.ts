import { X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import { connect } from 'node:tls'
import { fastify } from 'fastify'
import t from 'tap'
import { openCaStore } from '../../certs/ca-store.ts'
import { privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { silentLogger } from '../../core/log.ts'
import type { ServingCertificate } from '../../core/serving-certificate.ts'
import { Watched } from '../../core/watched.ts'
import { authorityIssuer } from '../issuers/own-ca.ts'
import { certifiedServer } from '../issuers/server-request.ts'
import { serveHttps } from './https-server.ts'

const NAME = 'weft-control-plane.weft-system.svc'
const HOUR = 3_600_000

t.test(
  'the pages over TLS 1.3, with the certificate of the moment, and streams that are ended at the close',
  async (t) => {
    const ca = openCaStore({ directory: t.testdir({}), trustDomain: 'cluster.local' })
    const issuer = authorityIssuer('the CA', ca.authority)
    const make = async (): Promise<ServingCertificate> => {
      const { key, chain } = await certifiedServer(issuer, [NAME], HOUR, new AbortController().signal)
      return { certPem: certificatesPem(chain), keyPem: privateKeyPem(key) }
    }
    const certificate = new Watched(await make())
    const app = fastify()
    app.get('/page', (asked) => ({ protocol: asked.protocol, from: asked.socket.remoteAddress }))
    app.get('/stream', (_asked, reply) => {
      reply.hijack()
      reply.raw.writeHead(200).write('a beginning')
    })
    await app.ready()
    const server = await serveHttps(app, {
      address: { host: '127.0.0.1', port: 0 },
      certificate,
      connections: { total: 8, perAddress: 8 },
      patienceMs: 5000,
      log: silentLogger,
    })
    const roots = ca.authority.value.bundle.pem
    const tls = { host: '127.0.0.1', port: server.port, servername: NAME, ca: roots }
    const get = (path: string, agent: false = false) =>
      new Promise<{ text: string; serial: string }>((resolve, reject) => {
        request({ ...tls, path, agent }, (answer) => {
          const peer = new X509Certificate(
            (answer.socket as ReturnType<typeof connect>).getPeerCertificate().raw,
          )
          let text = ''
          answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
          answer.on('end', () => resolve({ text, serial: peer.serialNumber }))
          answer.on('error', reject)
        })
          .once('error', reject)
          .end()
      })
    const first = await get('/page')
    t.same(JSON.parse(first.text), { protocol: 'https', from: '127.0.0.1' })
    certificate.set(await make())
    t.not((await get('/page')).serial, first.serial, 'a new one, of the same root')
    const older = connect({ ...tls, maxVersion: 'TLSv1.2' })
    const refused = await new Promise<Error>((resolve) => older.once('error', resolve))
    t.match(refused.message, /version/)
    const stream = new Promise<string>((resolve) => {
      request({ ...tls, path: '/stream', agent: false }, (answer) => {
        answer.once('data', () => void server.close().then(() => resolve('closed')))
        answer.on('error', () => {})
      })
        .on('error', () => {})
        .end()
    })
    t.equal(await stream, 'closed')
    await app.close()
  },
)

t.test('an address that is taken is told by the flag', async (t) => {
  const ca = openCaStore({ directory: t.testdir({}), trustDomain: 'cluster.local' })
  const { key, chain } = await certifiedServer(
    authorityIssuer('the CA', ca.authority),
    [NAME],
    HOUR,
    new AbortController().signal,
  )
  const certificate = new Watched({ certPem: certificatesPem(chain), keyPem: privateKeyPem(key) })
  const app = fastify()
  await app.ready()
  const options = {
    certificate,
    connections: { total: 8, perAddress: 8 },
    patienceMs: 5000,
    log: silentLogger,
  }
  const first = await serveHttps(app, { ...options, address: { host: '127.0.0.1', port: 0 } })
  await t.rejects(serveHttps(app, { ...options, address: { host: '127.0.0.1', port: first.port } }), {
    code: 'serve.listen',
    field: '--https',
  })
  await first.close()
  await app.close()
})
