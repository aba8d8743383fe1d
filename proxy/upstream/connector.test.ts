import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { Watched } from '../../core/watched.ts'
import { newRoot, secretsOf } from '../testing/mesh-identity.ts'
import { TlsContexts } from '../transport/tls-contexts.ts'
import { createConnector, type Connected, type ConnectFailure, type ConnectTarget } from './connector.ts'
import { meshTls } from './testing/mesh-tls.ts'

/** Attempts here end before the event loop could say what became of them. */
function start(change: Partial<ConnectTarget> = {}) {
  const clock = new ManualClock()
  const connector = createConnector(
    new TlsContexts(new Watched(undefined)),
    () => ({ ok: false, reason: 'nobody' }),
    clock,
  )
  const failures: (ConnectFailure | undefined)[] = []
  const target: ConnectTarget = {
    host: '127.0.0.1',
    port: 1,
    tls: undefined,
    identity: '',
    purpose: 'http',
    timeoutMs: 2000,
    ...change,
  }
  const attempt = connector(target, (_connected, failure) => failures.push(failure))
  return { clock, failures, attempt }
}

t.test('the timeout covers the whole attempt, to the millisecond', async (t) => {
  const { clock, failures } = start()
  clock.advance(1999)
  t.same(failures, [])
  clock.advance(1)
  t.match(failures, [{ reason: 'connect', details: 'upstream_connect_timeout' }])
  t.equal(clock.pending, 0)
})

t.test('who gives up is not called, and no timer stays', async (t) => {
  const { clock, failures, attempt } = start()
  attempt.cancel()
  t.equal(clock.pending, 0)
  clock.advance(5000)
  t.same(failures, [])
})

t.test('without a certificate of its own the workload opens nothing, and says so later', async (t) => {
  const { clock, failures } = start({ tls: meshTls([]) })
  t.same(failures, [])
  while (failures.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.match(failures, [{ reason: 'connect', details: /upstream_tls\{.*no mesh certificate/ }])
  t.equal(clock.pending, 0)
})

t.test('a header goes before everything else, TLS too', async (t) => {
  const { certificatePem: cert, privateKeyPem: key } = secretsOf(newRoot(), 'app')
  const header = Buffer.from('PROXY UNKNOWN\r\n')
  const begun: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('readable', () => {
      const first = socket.read() as Buffer | null
      if (!first) return
      begun.push(first.toString('latin1', 0, header.length))
      if (first.length > header.length) socket.unshift(first.subarray(header.length))
      const secure = new TLSSocket(socket, { isServer: true, cert, key, ALPNProtocols: ['h2'] })
      secure.on('error', () => {})
      secure.pipe(secure)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const connector = createConnector(new TlsContexts(new Watched(undefined)), () => ({
    ok: false,
    reason: 'nobody',
  }))
  const settings = { certificate: undefined, validation: undefined, sni: '', alpn: ['h2'] }
  const target = { host: '127.0.0.1', port, identity: '', purpose: 'http', timeoutMs: 60_000 } as const
  const connect = (tls: ConnectTarget['tls']): Promise<Connected | ConnectFailure | undefined> =>
    new Promise((resolve) => {
      connector({ ...target, tls, header }, (connected, failure) => resolve(connected ?? failure))
    })
  const secure = await connect(settings)
  if (!secure || !('socket' in secure)) return t.fail(JSON.stringify(secure))
  t.equal(secure.alpn, 'h2')
  secure.socket.write('hello')
  const [echo] = (await once(secure.socket, 'data')) as [Buffer]
  t.equal(echo.toString(), 'hello')
  secure.socket.destroy()
  const unfit = await connect({ ...settings, certificate: { kind: 'sds', name: 'default' } })
  t.match(unfit, { reason: 'connect', details: /upstream_tls\{.*no mesh certificate/ })
  t.equal(begun[0], header.toString())
})
