import { once } from 'node:events'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { RequestHead } from '../http/message.ts'
import type { ClientConnection } from '../http/stream.ts'
import { Recorder, RecordingHandler } from './testing/recorder.ts'
import { dial, listen, proxyTo } from './testing/trivial-proxy.ts'

// Node's own HTTP/2 as the other side, of each role and of both through a proxy.

const GET: RequestHead = {
  method: 'GET',
  scheme: 'http',
  authority: 'a.test',
  path: '/',
  fields: [],
  upgrade: '',
}
const BODY = 64 * 1024 * 1024

async function nodeServer(
  t: Test,
  answer: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  options: http2.ServerOptions = {},
): Promise<{ port: number; server: http2.Http2Server; sessions: Set<http2.ServerHttp2Session> }> {
  const server = http2.createServer(options)
  const sessions = new Set<http2.ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {})
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    answer(stream as http2.ServerHttp2Stream, headers)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, server, sessions }
}

function nodeClient(
  t: Test,
  port: number,
  options: http2.ClientSessionOptions = {},
): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`, options)
  session.on('error', () => {})
  t.teardown(() => session.destroy())
  return session
}

async function served(t: Test, handler: Parameters<typeof listen>[0]): Promise<number> {
  const server = await listen(handler)
  t.teardown(() => server.close())
  return server.port
}

function echo(): RecordingHandler {
  const handler = new RecordingHandler()
  handler.onRequestDo = (request) => {
    const { stream, ended } = request
    stream.head({ status: 200, fields: ['x-path', request.request.path] }, ended)
    request.onDataDo = (chunk) => {
      if (!stream.data(chunk)) stream.pause()
    }
    request.onWritableDo = () => stream.resume()
    request.onEndDo = (trailers) => {
      if (request.request.path !== '/never') stream.end(trailers)
    }
  }
  return handler
}

async function nodeEcho(t: Test, options: http2.ServerOptions = {}): Promise<number> {
  const { port } = await nodeServer(
    t,
    (stream, headers) => {
      stream.respond({ ':status': 200, 'x-path': headers[':path'] ?? '' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trailer': 'yes' }))
      stream.pipe(stream)
    },
    options,
  )
  return port
}

/** Sends `size` bytes as fast as flow control lets it and returns the count that came back. */
async function nodeUpload(session: http2.ClientHttp2Session, size: number): Promise<number> {
  const request = session.request({ ':method': 'POST', ':path': '/up' })
  let got = 0
  request.on('data', (chunk: Buffer) => {
    got += chunk.length
  })
  const chunk = Buffer.alloc(65_536, 'x')
  let left = size
  const push = (): void => {
    while (left > 0) {
      const part = chunk.subarray(0, Math.min(left, chunk.length))
      left -= part.length
      if (!request.write(part)) return void request.once('drain', push)
    }
    request.end()
  }
  push()
  await once(request, 'end')
  return got
}

async function ownUpload(client: ClientConnection, size: number): Promise<Recorder> {
  const reader = new Recorder()
  const done = new Promise<void>((resolve) => {
    reader.onEndDo = () => resolve()
  })
  const stream = client.open({ ...GET, method: 'POST', path: '/up' }, false, reader)
  const chunk = Buffer.alloc(65_536, 'x')
  let left = size
  const push = (): void => {
    while (left > 0) {
      const part = chunk.subarray(0, Math.min(left, chunk.length))
      left -= part.length
      if (!stream.data(part)) return
    }
    stream.end(undefined)
  }
  reader.onWritableDo = push
  push()
  await done
  return reader
}

function answered(reader: Recorder): Promise<void> {
  return new Promise((resolve) => {
    reader.onEndDo = () => resolve()
  })
}

t.test('Node as the client', async (t) => {
  const handler = echo()
  const session = nodeClient(t, await served(t, handler))
  const request = session.request({ ':method': 'POST', ':path': '/a?b=1', cookie: 'a=1; b=2', 'x-h': 'v' })
  request.end('hello')
  const [headers] = (await once(request, 'response')) as [http2.IncomingHttpHeaders]
  t.match(headers, { ':status': 200, 'x-path': '/a?b=1' })
  request.resume()
  await once(request, 'end')
  t.match(handler.last.request, {
    method: 'POST',
    path: '/a?b=1',
    fields: ['cookie', 'a=1; b=2', 'x-h', 'v'],
  })
  t.equal(await nodeUpload(session, BODY), BODY)

  session.settings({ initialWindowSize: 10 })
  t.equal(await nodeUpload(session, 10_000), 10_000, 'with a window of 10 bytes')
  const cancelled = session.request({ ':path': '/never', ':method': 'POST' })
  await once(cancelled, 'response')
  const before = handler.last
  cancelled.close(http2.constants.NGHTTP2_CANCEL)
  await once(cancelled, 'close')
  await new Promise<void>((resolve) => void session.ping(() => resolve()))
  t.equal(before.reset, 'cancel')
})

t.test('Node as the server', async (t) => {
  const client = await dial(await nodeEcho(t))
  const reader = new Recorder()
  const done = answered(reader)
  client.open({ ...GET, path: '/q', fields: ['a', 'b'] }, true, reader)
  await done
  t.equal(reader.head?.status, 200)
  t.ok(reader.head?.fields.join().includes('x-path,/q'))
  t.strictSame(reader.trailers, ['x-trailer', 'yes'])
  t.equal((await ownUpload(client, BODY)).bytes, BODY)
  client.destroy()
})

t.test('Node on both sides of a proxy, 64 MiB each way, 1,000 streams', async (t) => {
  const client = await dial(await nodeEcho(t, { settings: { maxConcurrentStreams: 2000 } }))
  const session = nodeClient(t, await served(t, proxyTo(client)), { peerMaxConcurrentStreams: 1000 })
  t.equal(await nodeUpload(session, BODY), BODY)
  const sizes = await Promise.all(Array.from({ length: 1000 }, (_, i) => nodeUpload(session, 1000 + i)))
  t.equal(
    sizes.reduce((sum, size) => sum + size),
    1000 * 1000 + (999 * 1000) / 2,
  )
  t.equal(client.active, 0)
  client.destroy()
})

t.test('Node as a server that resets, refuses and goes away', async (t) => {
  let session: http2.ServerHttp2Session | undefined
  const { port } = await nodeServer(t, (stream, headers) => {
    session = stream.session as http2.ServerHttp2Session
    const path = headers[':path']
    if (path === '/refuse') stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
    else if (path === '/die') stream.session?.destroy()
    else if (path === '/goaway') {
      stream.session?.goaway(0)
      stream.respond({ ':status': 204 }, { endStream: true })
    } else if (path === '/1xx') {
      stream.additionalHeaders({ ':status': 103, link: '</a>' })
      stream.respond({ ':status': 200 })
      stream.end('x')
    }
  })
  const ask = (client: ClientConnection, path: string): Promise<Recorder> =>
    new Promise((resolve) => {
      const reader = new Recorder()
      client.open({ ...GET, path }, true, reader)
      reader.onEndDo = () => resolve(reader)
      reader.onReset = (reason) => {
        reader.reset = reason
        resolve(reader)
      }
      const head = reader.onHead.bind(reader)
      reader.onHead = (response, end) => {
        head(response, end)
        if (end) resolve(reader)
      }
    })
  const client = await dial(port)
  t.equal((await ask(client, '/refuse')).reset, 'refused')
  t.strictSame((await ask(client, '/1xx')).events, ['informational 103', 'head 200', 'end'])
  t.equal((await ask(client, '/goaway')).head?.status, 204)
  t.equal(client.closed, true)
  t.ok(session)
  const second = await dial(port)
  t.equal((await ask(second, '/die')).reset, 'connection')
  t.equal(second.closed, true)
})

t.test('a drained server: Node finishes what runs and is closed', async (t) => {
  const handler = new RecordingHandler()
  const { createTransport } = await import('../transport/socket-transport.ts')
  const { serveHttp2 } = await import('./server.ts')
  const net = await import('node:net')
  const server = net.createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const session = nodeClient(t, (server.address() as AddressInfo).port)
  const [socket] = (await once(server, 'connection')) as [import('node:net').Socket]
  const connection = serveHttp2(createTransport(socket), handler)
  const request = session.request({ ':path': '/' })
  await new Promise<void>((resolve) => {
    handler.onRequestDo = () => resolve()
  })
  connection.drain()
  await once(session, 'goaway')
  handler.last.stream.head({ status: 200, fields: [] }, false)
  handler.last.stream.data(Buffer.alloc(100_000))
  handler.last.stream.end(undefined)
  let got = 0
  request.on('data', (chunk: Buffer) => {
    got += chunk.length
  })
  await once(request, 'end')
  t.equal(got, 100_000)
  await once(session, 'close')
  t.equal(connection.active, 0)
})
