import {
  Agent,
  createServer,
  request,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { connect, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Watched } from '../core/watched.ts'
import { formatFlags } from './model/response-flag.ts'
import { noTelemetry, type ConnectionRecord, type RequestRecord } from './exchange/telemetry-sink.ts'
import { Runtime } from './runtime.ts'
import { forwardTo, RETRY_503, TestConfiguration } from './testing/static-configuration.ts'

interface Answer {
  status: number
  text: string
  proxyStatus: string
}

/** A proxy on a free port, its records, and a client with keep-alive. */
async function start(t: Test, configuration: TestConfiguration) {
  const records: RequestRecord[] = []
  const connections: ConnectionRecord[] = []
  const runtime = new Runtime({
    configuration,
    secrets: new Watched(undefined),
    readSpiffeId: () => ({ ok: false, reason: 'no mesh in this test' }),
    telemetry: {
      ...noTelemetry,
      requestFinished: (record) => void records.push({ ...record }),
      connectionFinished: (record) => void connections.push({ ...record }),
    },
    originalDestination: undefined,
    ownAddresses: [],
    configWaitMs: 200,
  })
  await runtime.bindListeners((error) => t.fail(String(error)))
  const port = runtime.boundPort('front')
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => {
    agent.destroy()
    runtime.close()
  })
  const send = (path: string, method = 'GET', body?: string | Buffer): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ port, host: '127.0.0.1', path, method, agent }, (response) => {
        let text = ''
        response.setEncoding('latin1')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            text,
            proxyStatus: String(response.headers['proxy-status'] ?? ''),
          }),
        )
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  return { runtime, records, connections, send, agent }
}

async function app(
  t: Test,
  serve: (message: IncomingMessage, response: ServerResponse) => void,
): Promise<number> {
  const server: Server = createServer(serve)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

t.test('a weighted split is exact, and its change cuts nothing', async (t) => {
  const configuration = new TestConfiguration()
  for (const version of ['v1', 'v2']) {
    const port = await app(t, (_message, response) => response.end(version))
    configuration.setCluster(version, [port])
  }
  configuration.setRoutes([forwardTo({ v1: 90, v2: 10 })])
  const { send } = await start(t, configuration)
  const count = async (requests: number): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {}
    await Promise.all(
      Array.from({ length: requests }, async () => {
        const answer = await send('/')
        counts[answer.text] = (counts[answer.text] ?? 0) + 1
      }),
    )
    return counts
  }
  t.same(await count(200), { v1: 180, v2: 20 })
  configuration.setRoutes([forwardTo({ v1: 50, v2: 50 })])
  t.same(await count(200), { v1: 100, v2: 100 })
})

t.test('reads are retried, writes that reached the server are not', async (t) => {
  const configuration = new TestConfiguration()
  let turn = 0
  const ledger: string[] = []
  const port = await app(t, (message, response) => {
    if (message.method === 'POST') ledger.push(message.url ?? '')
    response.statusCode = turn++ % 2 === 0 ? 503 : 200
    message.resume()
    message.on('end', () => response.end('body'))
  })
  configuration.setCluster('app', [port])
  configuration.setRoutes([forwardTo({ app: 1 }, { retry: RETRY_503 })])
  const { send, records } = await start(t, configuration)
  for (let i = 0; i < 10; i++) t.equal((await send('/')).status, 200)
  t.ok(records.every((record) => record.attempts === 2 || record.attempts === 1))
  turn = 0
  t.equal((await send('/write', 'POST', 'x')).status, 503)
  t.same(ledger, ['/write'])
  t.equal(
    (await send('/put', 'PUT', 'x'.repeat(1000))).status,
    200,
    'PUT is idempotent, and its body is sent again',
  )
})

t.test('a server that closes a connection under a request is asked again, once', async (t) => {
  const configuration = new TestConfiguration()
  let requests = 0
  const port = await app(t, (message, response) => {
    requests++
    if (requests === 2 || requests === 4) return void message.socket.destroy()
    response.end('ok')
  })
  configuration.setCluster('app', [port])
  configuration.setRoutes([forwardTo({ app: 1 })])
  const { send, records } = await start(t, configuration)
  t.equal((await send('/')).status, 200)
  t.equal((await send('/')).status, 200, 'replayed on a new connection')
  t.equal(requests, 3)
  t.equal((await send('/', 'POST', 'x')).status, 503, 'a write is not')
  t.equal(requests, 4)
  t.equal(formatFlags(records.at(-1)?.flags ?? 0), 'UC')
})

t.test('a server that closes all of its waiting connections costs no request', async (t) => {
  const configuration = new TestConfiguration()
  const carried = new WeakMap<object, number>()
  let stopping = false
  const held: ServerResponse[] = []
  const port = await app(t, (message, response) => {
    const before = carried.get(message.socket) ?? 0
    carried.set(message.socket, before + 1)
    // As a server that stops: whoever comes on a connection that waited finds it closed.
    if (stopping && before > 0) return void message.socket.destroy()
    if (stopping) return void response.end('ok')
    held.push(response)
    // All at once, so that four connections wait afterwards.
    if (held.length === 4) for (const one of held.splice(0)) one.end('ok')
  })
  configuration.setCluster('app', [port])
  configuration.setRoutes([forwardTo({ app: 1 })])
  const { send } = await start(t, configuration)
  t.strictSame(
    (await Promise.all([send('/'), send('/'), send('/'), send('/')])).map(({ status }) => status),
    [200, 200, 200, 200],
  )
  stopping = true
  t.equal((await send('/')).status, 200, 'the one replay goes on a new connection')
})

t.test('why a request failed is said in status, flag and details', async (t) => {
  const configuration = new TestConfiguration()
  const silent = await app(t, () => {})
  configuration.setCluster('silent', [silent])
  configuration.setCluster('empty', [])
  configuration.setCluster('refusing', [1])
  configuration.cluster('missing').set(null)
  const at = (path: string, cluster: string, change = {}) => {
    const route = forwardTo({ [cluster]: 1 }, change)
    return {
      ...route,
      match: { ...route.match, path: { kind: 'exact' as const, value: path, caseSensitive: true } },
    }
  }
  configuration.setRoutes([
    at('/slow', 'silent', { timeoutMs: 50 }),
    at('/empty', 'empty'),
    at('/refused', 'refusing'),
    at('/missing', 'missing'),
    at('/unknown', 'unknown'),
    at('/invalid', ''),
  ])
  const { send, records } = await start(t, configuration)
  const table: [path: string, status: number, flags: string, details: RegExp][] = [
    ['/slow', 504, 'UT', /response_timeout/],
    ['/empty', 503, 'UH', /no_healthy_upstream/],
    ['/refused', 503, 'UF', /upstream_connect_failure/],
    ['/missing', 503, 'NC', /cluster_not_found/],
    ['/unknown', 503, 'NC', /cluster_not_found/],
    ['/invalid', 500, 'NB', /invalid_backend/],
    ['/none', 404, 'NR', /route_not_found/],
  ]
  for (const [path, status, flags, details] of table) {
    const answer = await send(path)
    const record = records.at(-1)
    t.equal(answer.status, status, path)
    t.match(answer.proxyStatus, details, path)
    t.equal(formatFlags(record?.flags ?? 0), flags, path)
    t.match(record?.details, details, path)
  }
})

t.test('large bodies pass both ways with trailers of the counting', async (t) => {
  const configuration = new TestConfiguration()
  const port = await app(t, (message, response) => message.pipe(response))
  configuration.setCluster('echo', [port])
  configuration.setRoutes([forwardTo({ echo: 1 })])
  const { send, records } = await start(t, configuration)
  const body = Buffer.alloc(3_000_000, 'abcdefg')
  const answer = await send('/', 'POST', body)
  t.equal(answer.text.length, body.length)
  t.equal(answer.text, body.toString('latin1'))
  t.match(records.at(-1), { bytesReceived: body.length, bytesSent: body.length, flags: 0, attempts: 1 })
})

t.test('endpoints that leave take no further request, and those under way finish', async (t) => {
  const configuration = new TestConfiguration()
  const held: ServerResponse[] = []
  const old = await app(t, (message, response) => {
    if (message.url === '/held') held.push(response)
    else response.end('old')
  })
  const next = await app(t, (_message, response) => response.end('new'))
  configuration.setCluster('app', [old])
  configuration.setRoutes([forwardTo({ app: 1 })])
  const { send } = await start(t, configuration)
  t.equal((await send('/')).text, 'old')
  const running = send('/held')
  while (held.length === 0) await send('/')
  configuration.setCluster('app', [next])
  for (let i = 0; i < 5; i++) t.equal((await send('/')).text, 'new')
  held[0]?.end('finished')
  t.equal((await running).text, 'finished')
})

t.test('what is no request is told as such, to its sender and in the log', async (t) => {
  const configuration = new TestConfiguration()
  configuration.setRoutes([forwardTo({ app: 1 })])
  const { runtime, records, connections } = await start(t, configuration)
  const say = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = ''
      const socket = connect(runtime.boundPort('front') ?? 0, '127.0.0.1', () => socket.write(text, 'latin1'))
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
      socket.on('error', reject)
      socket.on('close', () => resolve(answer))
    })
  t.match(await say('GET / HTTP/1.1\r\nHost : a\r\n\r\n'), /^HTTP\/1.1 400 /)
  t.match(await say('GET /\r\n'), /^HTTP\/1.1 400 /)
  t.same(
    records.map(({ status, flags, details }) => [status, formatFlags(flags), details]),
    [
      [400, 'DPE', 'downstream_protocol_error{http1.space_before_colon}'],
      [400, 'DPE', 'downstream_protocol_error{http1.request_line}'],
    ],
  )
  t.equal(await say('INVALID CONNECTION PREFACE\r\n\r\n'), '', 'no HTTP: closed without an answer in HTTP')
  t.same(
    connections.map(({ flags, details }) => [formatFlags(flags), details]),
    [['DPE', 'no_http']],
  )
})

t.test('a cold server that takes one stream at a time answers everybody', async (t) => {
  const server = createHttp2Server({ settings: { maxConcurrentStreams: 1 } }, (_message, response) =>
    response.end('here'),
  )
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  const configuration = new TestConfiguration()
  const { port } = server.address() as AddressInfo
  configuration.setCluster('app', [port], { http: 'http2' })
  configuration.setRoutes([forwardTo({ app: 1 })])
  const { send, agent } = await start(t, configuration)
  agent.maxSockets = 12
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => send('/', i < 6 ? 'GET' : 'POST')))
  t.same(
    answers.map(({ status, proxyStatus }) => `${status} ${proxyStatus}`),
    answers.map(() => '200 '),
  )
})
