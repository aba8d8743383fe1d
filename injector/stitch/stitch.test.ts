import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http, { createServer, type IncomingHttpHeaders } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { bundleStitch } from './bundle.ts'

// The application runs in a process of its own, as it would in a pod; what it sends arrives here.

interface Ports {
  readonly one: number
  readonly two: number
  readonly compatible: number
  readonly grpc: number
}

const text = {
  serialize: (value: string) => Buffer.from(value),
  deserialize: (bytes: Buffer) => bytes.toString(),
}
const ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = `00-${ID}-00f067aa0ba902b7-01`

async function startApp(t: Test): Promise<Ports> {
  const preload = join(t.testdir(), 'stitch.cjs')
  await bundleStitch(preload)
  const app = spawn(process.execPath, ['--require', preload, join(import.meta.dirname, 'testing/app.ts')], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  t.teardown(() => app.kill())
  const [ports] = (await once(app, 'message')) as [Ports]
  return ports
}

const listening = async (server: http.Server | http2.Http2Server): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Says what arrived, as HTTP/1.1, HTTP/2 and gRPC. */
async function startEcho(t: Test): Promise<{ http1: number; http2: number; grpc: number }> {
  const one = createServer((request, response) => void response.end(JSON.stringify(request.headers)))
  const two = http2.createServer()
  two.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.respond({ ':status': 200 })
    stream.end(JSON.stringify(headers))
  })
  const grpc = new Server()
  const method = (path: string, responseStream: boolean) => ({
    path,
    requestStream: false,
    responseStream,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  })
  grpc.addService(
    { Unary: method('/t.T/Unary', false), Stream: method('/t.T/Stream', true) },
    {
      Unary: (call: Called, callback: (error: null, answer: string) => void) =>
        callback(null, JSON.stringify(fields(call))),
      Stream: (call: Called & { write(answer: string): void; end(): void }) => {
        call.write(JSON.stringify(fields(call)))
        call.end()
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  t.teardown(() => {
    one.close()
    one.closeAllConnections()
    two.close()
    grpc.forceShutdown()
  })
  return { http1: await listening(one), http2: await listening(two), grpc: port }
}

interface Called {
  readonly metadata: { getMap(): Record<string, unknown> }
}

function fields(call: Called): Record<string, unknown> {
  return call.metadata.getMap()
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 4 })

async function ask(
  port: number,
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<IncomingHttpHeaders> {
  const request = http.request({ host: '127.0.0.1', port, path, headers, method, agent })
  request.end(method === 'POST' ? 'body' : '')
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let body = ''
  for await (const chunk of response) body += String(chunk)
  if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${body}`)
  return JSON.parse(body) as IncomingHttpHeaders
}

async function askByHttp2(
  port: number,
  path: string,
  headers: Record<string, string>,
): Promise<IncomingHttpHeaders> {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  const stream = session.request({ ':path': path, ...headers })
  let body = ''
  for await (const chunk of stream) body += String(chunk)
  session.close()
  return JSON.parse(body) as IncomingHttpHeaders
}

t.test('the trace of a request goes on with what is sent for it', async (t) => {
  const app = await startApp(t)
  const echo = await startEcho(t)
  const port = (way: string): number =>
    way.startsWith('grpc') ? echo.grpc : way.startsWith('http2') ? echo.http2 : echo.http1
  const all = [
    'request',
    'request-url',
    'get',
    'list',
    'pairs',
    'expect',
    'fetch',
    'undici',
    'pool',
    'http2',
    'http2-list',
    'grpc',
    'grpc-stream',
  ]
  const came = { traceparent: PARENT, tracestate: 'a=1', 'x-request-id': 'r-1' }

  for (const way of all) {
    const arrived = await ask(app.one, `/${way}?to=${port(way)}`, came)
    t.match(arrived, came, `by ${way}`)
    t.match(await ask(app.one, `/${way}?to=${port(way)}`, came, 'POST'), came, `by ${way}, after a body`)
    const none = await ask(app.one, `/${way}?to=${port(way)}`, {})
    t.notOk('traceparent' in none || 'x-request-id' in none, `by ${way}: of a request without one, nothing`)
  }
  const kept = (await ask(app.one, `/grpc?to=${echo.grpc}`, came)) as { kept?: unknown }
  t.same(kept.kept, {}, 'the metadata of a caller stay as they are')

  t.test('in B3 as well', async (t) => {
    const single = { b3: `${ID}-00f067aa0ba902b7-1` }
    t.match(await ask(app.one, `/request?to=${echo.http1}`, single), single)
    const multi = { 'x-b3-traceid': ID, 'x-b3-spanid': '00f067aa0ba902b7', 'x-b3-sampled': '0' }
    t.match(await ask(app.one, `/fetch?to=${echo.http1}`, multi), multi)
  })

  t.test('by whatever a request comes', async (t) => {
    for (const way of ['request', 'fetch', 'grpc']) {
      t.match(await askByHttp2(app.two, `/${way}?to=${port(way)}`, came), came, `stream, ${way}`)
      t.match(
        await askByHttp2(app.compatible, `/${way}?to=${port(way)}`, came),
        came,
        `HTTP/2 request, ${way}`,
      )
    }
    const client = new Client(`127.0.0.1:${app.grpc}`, credentials.createInsecure())
    const { Metadata } = await import('@grpc/grpc-js')
    const metadata = new Metadata()
    for (const [name, value] of Object.entries(came)) metadata.set(name, value)
    const answer = await new Promise<string>((resolve, reject) =>
      client.makeUnaryRequest(
        '/t.T/Ask',
        text.serialize,
        text.deserialize,
        `/fetch?to=${echo.http1}`,
        metadata,
        (error, value) => (error ? reject(error) : resolve(value ?? '')),
      ),
    )
    client.close()
    t.match(JSON.parse(answer), came, 'gRPC')
  })

  t.test('what says itself of which trace it is, is left alone', async (t) => {
    const arrived = await ask(app.one, `/own?to=${echo.http1}`, came)
    t.equal(arrived['traceparent'], 'mine')
    t.notOk('tracestate' in arrived)
    t.equal(arrived['x-request-id'], 'r-1')
  })

  t.test('many at once keep what is theirs, those that wait for a connection, too', async (t) => {
    for (const way of all) {
      const numbers = Array.from({ length: 40 }, (_, at) => at)
      const arrived = await Promise.all(
        numbers.map((at) => {
          const id = at.toString(16).padStart(32, 'a')
          const headers: Record<string, string> =
            at % 4 === 3 ? {} : { traceparent: `00-${id}-00f067aa0ba902b7-01` }
          return ask(app.one, `/${way}?to=${port(way)}`, headers, at % 2 === 0 ? 'GET' : 'POST')
        }),
      )
      const wrong = arrived.filter(
        ({ traceparent }, at) =>
          traceparent !==
          (at % 4 === 3 ? undefined : `00-${at.toString(16).padStart(32, 'a')}-00f067aa0ba902b7-01`),
      )
      t.same(wrong, [], way)
    }
  })

  t.test('an OpenTelemetry SDK that was started does it alone', async (t) => {
    await ask(app.one, '/sdk', {})
    for (const way of all)
      t.notOk('traceparent' in (await ask(app.one, `/${way}?to=${port(way)}`, came)), way)
  })
})
