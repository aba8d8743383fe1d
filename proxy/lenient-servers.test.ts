import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { Watched } from '../core/watched.ts'
import { noTelemetry } from './exchange/telemetry-sink.ts'
import type { FilterChain, Listener, TcpProxy } from './model/listener.ts'
import { Runtime } from './runtime.ts'
import { readSpiffeId } from './testing/mesh-identity.ts'
import { chainOf, forwardTo, listenerOf, MANAGER, TestConfiguration } from './testing/static-configuration.ts'
import type { WorkloadSecrets } from './transport/tls-contexts.ts'

// What real servers take for a request must not get past the engine that tells them who calls.

const TO_APP: TcpProxy = {
  kind: 'tcp',
  statPrefix: 'tcp',
  clusters: [{ cluster: 'app', weight: 1 }],
  idleTimeoutMs: 0,
}

/** An undeclared port that lets plaintext in. */
function undeclared(): Listener {
  const http = { ...MANAGER, traffic: 'inbound', forwardClientCert: 'sanitize_set' } as const
  const plain = (network: FilterChain['network'], applicationProtocols: readonly string[]): FilterChain => {
    const chain = chainOf(network)
    return { ...chain, match: { ...chain.match, transportProtocol: 'raw_buffer', applicationProtocols } }
  }
  return {
    ...listenerOf(http),
    inspectTls: true,
    inspectHttp: true,
    filterChains: [plain(http, ['http/1.1', 'h2c']), plain(TO_APP, []), chainOf(TO_APP)],
  }
}

/** The port of a sidecar before an application at `port`. */
async function sidecarOf(t: Test, port: number): Promise<number> {
  const configuration = new TestConfiguration()
  configuration.setCluster('app', [port])
  configuration.setRoutes([forwardTo({ app: 1 })])
  configuration.listeners.set(new Map([['front', undeclared()]]))
  const runtime = new Runtime({
    configuration,
    secrets: new Watched<WorkloadSecrets | undefined>(undefined),
    readSpiffeId,
    telemetry: noTelemetry,
    originalDestination: undefined,
    ownAddresses: [],
  })
  await runtime.bindListeners((error) => t.fail(String(error)))
  t.teardown(() => runtime.close())
  return runtime.boundPort('front') ?? 0
}

/** What came back to these parts, of which each is sent when the one before has arrived somewhere, until all is over. */
async function say(port: number, parts: readonly string[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  let answer = ''
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
  const over = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  for (const part of parts) {
    await new Promise<unknown>((resolve) => socket.write(part, 'latin1', resolve))
    // Parts need not be seen apart for the test to be right; these are enough for it most often.
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
  }
  socket.end()
  await over
  return answer
}

const FIELDS = '\r\nhost: a\r\nx-forwarded-client-cert: URI=forged\r\nconnection: close\r\n\r\n'

const BEGINNINGS = [
  'GET / HTTP/1.1',
  '\r\nGET / HTTP/1.1',
  'GET / RTSP/1.0',
  'OPTIONS * RTSP/1.1',
  'DESCRIBE rtsp://a/b RTSP/1.0',
  'SOURCE / ICE/1.0',
  'GET / HTTP/01.1',
  'GET / HTTP/0001.0001',
  'GET / HTTP/1.1\x1c',
  'GET old',
  'GET\told',
  'POST /',
  'OPTIONS *',
  'PUT http://a/',
  'M-SEARCH //',
  'POST / ',
  'any / FOO/1.1',
  'get / HTTP/1.1',
  '\x1cGET / HTTP/1.1',
  '\x85\xa0GET / HTTP/1.1',
  '\x00GET / HTTP/1.1',
  '"GET" / HTTP/1.1',
  '\xef\xbb\xbfGET / HTTP/1.1',
  '\x16GET / HTTP/1.1',
  '\x16\x03\x01\x00\x30\x01\x00\x00\x2c\x03\x03 / HTTP/1.1',
  `\xff${'x'.repeat(20_000)} / HTTP/1.1`,
  'word\r\nGET / HTTP/1.1',
  'word\nGET / HTTP/1.1',
  '\x01\r\nPOST /',
  'two words\r\nGET / HTTP/1.1',
  '\x00\r\nGET / HTTP/1.1',
  '\x1c\r\nGET / HTTP/1.1',
]

async function nothingForged(t: Test, app: number, what: string): Promise<void> {
  const believed: string[] = []
  for (const begins of BEGINNINGS)
    if ((await say(app, [begins, FIELDS])).includes('READ URI=forged')) believed.push(begins)
  t.ok(believed.includes('GET / HTTP/1.1'), `${what} reads the field`)
  t.comment(`${what} takes ${believed.length} of ${BEGINNINGS.length} for requests`)
  const port = await sidecarOf(t, app)
  for (const begins of BEGINNINGS) {
    const name = `${what}, ${JSON.stringify(begins).slice(0, 60)}`
    t.notMatch(await say(port, [begins + FIELDS]), /forged/, name)
    for (const cut of [1, 8, begins.length])
      t.notMatch(
        await say(port, [begins.slice(0, cut), begins.slice(cut) + FIELDS]),
        /forged/,
        `${name}, cut after ${cut}`,
      )
  }
}

t.test('nothing that Node takes for a request gets to it unread', async (t) => {
  const app = createServer((message, response) =>
    response.end(`READ ${String(message.headers['x-forwarded-client-cert'])}`),
  ).listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => app.close())
  const address = app.address()
  await nothingForged(t, typeof address === 'object' && address ? address.port : 0, 'Node')
})

const WSGI = `
from wsgiref.simple_server import make_server, WSGIRequestHandler
class Handler(WSGIRequestHandler):
    def log_message(self, *ignored): pass
def app(environ, start):
    start('200 OK', [('content-type', 'text/plain')])
    return [('READ ' + environ.get('HTTP_X_FORWARDED_CLIENT_CERT', 'none')).encode()]
server = make_server('127.0.0.1', 0, app, handler_class=Handler)
print(server.server_port, flush=True)
server.serve_forever()
`

t.test('nothing that Python takes for a request gets to it unread', async (t) => {
  const python = spawn('python3', ['-c', WSGI], { stdio: ['ignore', 'pipe', 'ignore'] })
  const spawned = await new Promise((resolve) => {
    python.once('error', () => resolve(false)).once('spawn', () => resolve(true))
  })
  if (spawned !== true) {
    t.comment('not tried: there is no python3')
    return
  }
  t.teardown(() => python.kill())
  for await (const line of createInterface(python.stdout)) {
    await nothingForged(t, Number(line), 'Python')
    return
  }
})
