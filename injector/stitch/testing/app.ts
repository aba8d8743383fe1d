import { once } from 'node:events'
import { createServer, get, request, type IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { credentials, Metadata, Server, ServerCredentials, Client } from '@grpc/grpc-js'
import { context, propagation } from '@opentelemetry/api'
import * as undici from 'undici'

// An application that knows nothing of traces: `/WAY?to=PORT` sends a request to that port of this machine in the named way, and answers
// with the fields that arrived there. Says its ports by IPC.

type Way = (port: number) => Promise<unknown>
const HEADERS = { accept: '*/*' }

const pool = new Map<number, undici.Pool>()
const grpcClients = new Map<number, Client>()
const text = {
  serialize: (value: string) => Buffer.from(value),
  deserialize: (bytes: Buffer) => bytes.toString(),
}

const answerOf = async (response: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString())
}
const byRequest = async (options: object, end = ''): Promise<unknown> => {
  const sent = request({ host: '127.0.0.1', ...options })
  sent.end(end)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return answerOf(response)
}
const http2Answer = async (port: number, headers: never): Promise<unknown> => {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  const stream = session.request(headers)
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  session.close()
  return JSON.parse(Buffer.concat(chunks).toString())
}
const grpcClient = (port: number): Client => {
  const client = grpcClients.get(port) ?? new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  grpcClients.set(port, client)
  return client
}

const WAYS: Readonly<Record<string, Way>> = {
  request: (port) => byRequest({ port, headers: HEADERS }),
  'request-url': async (port) => {
    const sent = request(new URL(`http://127.0.0.1:${port}/`))
    sent.end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return answerOf(response)
  },
  get: (port) =>
    new Promise((resolve, reject) => {
      get(`http://127.0.0.1:${port}/`, { headers: HEADERS }, (response) => resolve(answerOf(response))).on(
        'error',
        reject,
      )
    }),
  list: (port) => byRequest({ port, headers: ['Accept', '*/*', 'Host', 'a'] }),
  pairs: (port) =>
    byRequest({
      port,
      headers: [
        ['Accept', '*/*'],
        ['Host', 'a'],
      ],
    }),
  expect: (port) => byRequest({ port, method: 'POST', headers: { Expect: '100-continue' } }, 'body'),
  own: (port) => byRequest({ port, headers: { TraceParent: 'mine' } }),
  fetch: async (port) => (await fetch(`http://127.0.0.1:${port}/`)).json(),
  undici: async (port) => (await undici.request(`http://127.0.0.1:${port}/`)).body.json(),
  // One connection: all but the first wait for the end of another.
  pool: async (port) => {
    const one = pool.get(port) ?? new undici.Pool(`http://127.0.0.1:${port}`, { connections: 1 })
    pool.set(port, one)
    return (await one.request({ path: '/', method: 'GET' })).body.json()
  },
  http2: (port) => http2Answer(port, { ':path': '/' } as never),
  'http2-list': (port) => http2Answer(port, [':path', '/', 'accept', '*/*'] as never),
  grpc: (port) =>
    new Promise((resolve, reject) => {
      const metadata = new Metadata()
      grpcClient(port).makeUnaryRequest(
        '/t.T/Unary',
        text.serialize,
        text.deserialize,
        'ask',
        metadata,
        (error, answer) =>
          error ? reject(error) : resolve({ ...JSON.parse(answer ?? '{}'), kept: metadata.getMap() }),
      )
    }),
  'grpc-stream': async (port) => {
    const call = grpcClient(port).makeServerStreamRequest(
      '/t.T/Stream',
      text.serialize,
      text.deserialize,
      'ask',
    )
    const answers: unknown[] = []
    for await (const answer of call) answers.push(JSON.parse(answer as string))
    return answers[0]
  },
}

async function answer(url: string): Promise<unknown> {
  const { pathname, searchParams } = new URL(url, 'http://a')
  if (pathname === '/sdk') {
    propagation.setGlobalPropagator({ inject() {}, extract: () => context.active(), fields: () => [] })
    return {}
  }
  const way = WAYS[pathname.slice(1)]
  if (!way) throw new Error(`no way ${pathname}`)
  return way(Number(searchParams.get('to')))
}

const one = createServer((incoming, outgoing) => {
  const done = (): void =>
    void answer(incoming.url ?? '').then(
      (value) => outgoing.end(JSON.stringify(value)),
      (error: unknown) => outgoing.writeHead(500).end(String(error)),
    )
  // As body-parser does: it goes on when the body has come, which the socket tells.
  if (incoming.method === 'POST') incoming.on('data', () => {}).on('end', done)
  else done()
})
const two = http2.createServer()
two.on('stream', (stream, headers) => {
  void answer(String(headers[':path'])).then((value) => stream.end(JSON.stringify(value)))
})
const compatible = http2.createServer((incoming, outgoing) => {
  incoming
    .on('data', () => {})
    .on('end', () => {
      void answer(incoming.url).then((value) => outgoing.end(JSON.stringify(value)))
    })
})
const grpc = new Server()
grpc.addService(
  {
    Ask: {
      path: '/t.T/Ask',
      requestStream: false,
      responseStream: false,
      requestSerialize: text.serialize,
      requestDeserialize: text.deserialize,
      responseSerialize: text.serialize,
      responseDeserialize: text.deserialize,
    },
  },
  {
    Ask: (call: { request: string }, callback: (error: Error | null, answer?: string) => void) =>
      void answer(call.request).then((value) => callback(null, JSON.stringify(value)), callback),
  },
)

async function listen(server: {
  listen(port: number, host: string): unknown
  address(): unknown
}): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server as never, 'listening')
  return (server.address() as AddressInfo).port
}
const grpcPort = await new Promise<number>((resolve, reject) =>
  grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
    error ? reject(error) : resolve(port),
  ),
)
process.send?.({
  one: await listen(one),
  two: await listen(two),
  compatible: await listen(compatible),
  grpc: grpcPort,
})
process.on('disconnect', () => process.exit())
