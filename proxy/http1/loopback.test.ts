import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import type { RequestHead } from '../http/message.ts'
import type { ClientConnection, ServerHandler } from '../http/stream.ts'
import { createTransport } from '../transport/socket-transport.ts'
import { connectHttp1 } from './client.ts'
import { serveHttp1 } from './server.ts'
import { RecordingServer, type SeenRequest, SeenResponse } from './testing/recorders.ts'

const GET: RequestHead = { method: 'GET', scheme: 'http', authority: 'a', path: '/', fields: [], upgrade: '' }

async function listen(server: net.Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

async function serve(handler: ServerHandler): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serveHttp1(createTransport(socket), handler, {})
  })
  const port = await listen(server)
  const close = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { port, close }
}

async function connect(port: number): Promise<ClientConnection> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await once(socket, 'connect')
  return connectHttp1(createTransport(socket), { onChange() {} }, {})
}

function over(seen: SeenResponse): Promise<SeenResponse> {
  return new Promise((resolve) => (seen.onOver = () => resolve(seen)))
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('no answer goes to the wrong request, whoever resets when (undici CVE-2026-6733)', async (t) => {
  let bodies = 0
  const server = await serve(new RecordingServer((request) => void answer(request)))
  async function answer({ stream, head, body }: SeenRequest): Promise<void> {
    const plan = JSON.parse(head.fields[1] as string) as {
      id: number
      turns: number
      mode: number
      size: number
    }
    for (let i = 0; i < plan.turns; i++) await turn()
    const tag = `${plan.id}|${body.length}|`
    bodies++
    const text = tag + 'x'.repeat(plan.size)
    if (plan.mode === 0) return stream.reset('cancel')
    const known = plan.mode === 1
    stream.head({ status: 200, fields: known ? ['content-length', String(text.length)] : [] }, false)
    stream.data(Buffer.from(text.slice(0, 5)))
    if (plan.mode === 3) await turn()
    if (plan.mode === 4) return stream.reset('cancel')
    stream.data(Buffer.from(text.slice(5)))
    stream.end(undefined)
  }
  t.teardown(server.close)
  const step = fc.record({
    turns: fc.nat(3),
    mode: fc.oneof(
      { arbitrary: fc.constantFrom(1, 2, 3), weight: 8 },
      { arbitrary: fc.constantFrom(0, 4), weight: 1 },
    ),
    size: fc.oneof(fc.nat(200), fc.constant(100_000)),
    body: fc.option(fc.nat(3000), { nil: -1 }),
    // When the caller gives up; above 6 it does not.
    cancel: fc.nat(60),
  })
  let connection: ClientConnection | undefined
  let id = 0
  let answered = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      for (const { turns, mode, size, body, cancel } of steps) {
        if (connection === undefined || connection.free === 0) connection = await connect(server.port)
        const mine = ++id
        const seen = new SeenResponse()
        const fields = ['x-plan', JSON.stringify({ id: mine, turns, mode, size })]
        const stream = connection.open({ ...GET, path: `/${mine}`, fields }, body < 0, seen)
        if (body >= 0) {
          stream.data(Buffer.alloc(body, 'b'))
          stream.end(undefined)
        }
        const done = over(seen)
        if (cancel <= 6) {
          for (let i = 0; i < cancel; i++) await turn()
          if (seen.ended || seen.reset !== undefined) await done
          else stream.reset('cancel')
        } else await done
        if (
          seen.body !== '' &&
          !`${mine}|${Math.max(body, 0)}|`.startsWith(seen.body.slice(0, `${mine}|`.length))
        ) {
          return false
        }
        if (seen.ended) {
          answered++
          const text = `${mine}|${Math.max(body, 0)}|${'x'.repeat(size)}`
          if (seen.body !== text) return false
        }
        // One that ended in a reset is no connection to go on with.
        if (!seen.ended && connection.free > 0) return false
      }
      return true
    }),
    { numRuns: 40, seed: 20_261_123 },
  )
  t.comment(`${id} requests, ${answered} answered, ${bodies} handled`)
  t.ok(answered > id / 2)
})

t.test('the keep-alive race: a connection that the server closes is told as such', async (t) => {
  const server = net.createServer((socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      // The second request meets a server that gave the connection up.
      if (chunk.includes('/second')) socket.destroy()
    })
  })
  const port = await listen(server)
  t.teardown(() => server.close())
  const connection = await connect(port)
  const first = new SeenResponse()
  const done = over(first)
  connection.open(GET, true, first)
  await done
  t.match(connection, { free: 1, carried: 1 })
  const second = new SeenResponse()
  const stream = connection.open({ ...GET, path: '/second' }, true, second)
  await over(second)
  t.equal(second.reset, 'connection')
  t.equal(stream.answered, false)
  t.equal(connection.closed, true)
})

t.test('an unasked 408 on an idle connection never answers a request', async (t) => {
  let socket: net.Socket | undefined
  const server = net.createServer((accepted) => {
    socket = accepted
    accepted.once('data', () => accepted.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
    accepted.on('error', () => {})
  })
  const port = await listen(server)
  t.teardown(() => server.close())
  const connection = await connect(port)
  const first = new SeenResponse()
  const done = over(first)
  connection.open(GET, true, first)
  await done
  socket?.end('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n')
  while (!connection.closed) await turn()
  t.equal(connection.free, 0)
})

t.test('an upgrade through both codecs echoes', async (t) => {
  const server = await serve({
    onRequest(stream, head) {
      stream.head({ status: 101, fields: ['x-path', head.path] }, false)
      return {
        onData: (chunk) => void stream.data(chunk),
        onEnd: () => stream.end(undefined),
        onReset() {},
        onWritable() {},
      }
    },
    onRefused() {},
    onClose() {},
  })
  t.teardown(server.close)
  const connection = await connect(server.port)
  const seen = new SeenResponse()
  const done = over(seen)
  const stream = connection.open({ ...GET, path: '/echo', upgrade: 'websocket' }, false, seen)
  const sent = Buffer.alloc(500_000, 'abcdefg\0\r\n')
  for (let at = 0; at < sent.length; at += 7001) stream.data(sent.subarray(at, at + 7001))
  stream.end(undefined)
  await done
  t.match(seen.head, { status: 101, fields: ['x-path', '/echo'] })
  t.equal(seen.body, sent.toString('latin1'))
  t.equal(connection.closed, true)
})

t.test("against Node's own server", async (t) => {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const told = `${request.method} ${request.url} ${request.headers.host} ${body} ${request.trailers['x-t'] ?? ''}`
      if (request.url === '/length') response.setHeader('content-length', told.length)
      else response.setHeader('trailer', 'x-u')
      response.write(told.slice(0, 3))
      if (request.url !== '/length') response.addTrailers({ 'x-u': 'v' })
      response.end(told.slice(3))
    })
  })
  const port = await listen(server)
  t.teardown(() => server.close())
  const connection = await connect(port)
  const call = async (head: Partial<RequestHead>, body?: string, trailers?: string[]) => {
    const seen = new SeenResponse()
    const done = over(seen)
    const stream = connection.open({ ...GET, ...head }, body === undefined, seen)
    if (body !== undefined) {
      stream.data(Buffer.from(body))
      stream.end(trailers)
    }
    return done
  }
  t.match(await call({ path: '/length' }), { body: 'GET /length a  ', ended: true, trailers: undefined })
  t.match(await call({ path: '/chunked' }), { body: 'GET /chunked a  ', trailers: ['x-u', 'v'] })
  const posted = await call({ method: 'POST', path: '/p' }, 'hello', ['x-t', 'u'])
  t.equal(posted.body, 'POST /p a hello u')
  t.match(await call({ method: 'HEAD', path: '/length' }), { body: '', ended: true })
  t.equal(connection.carried, 4)
  t.equal(connection.free, 1)
  connection.destroy()
})

t.test("against Node's own client", async (t) => {
  const server = await serve(
    new RecordingServer(({ stream, head, body, trailers }) => {
      const told = `${head.method} ${head.path} ${body} ${(trailers ?? []).join()}`
      stream.head({ status: 200, fields: [] }, false)
      stream.data(Buffer.from(told))
      stream.end(['x-u', 'v'])
    }),
  )
  t.teardown(server.close)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const call = async (method: string, path: string, body: string) => {
    const request = http.request({ port: server.port, host: '127.0.0.1', method, path, agent })
    if (body !== '') {
      request.setHeader('transfer-encoding', 'chunked')
      request.write(body)
      request.addTrailers({ 'x-t': 'u' })
    }
    request.end()
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    let text = ''
    response.setEncoding('latin1')
    response.on('data', (chunk: string) => void (text += chunk))
    await once(response, 'end')
    return {
      status: response.statusCode,
      text,
      trailer: response.trailers['x-u'],
      reused: request.reusedSocket,
    }
  }
  t.match(await call('GET', '/a', ''), { status: 200, text: 'GET /a  ', trailer: 'v', reused: false })
  t.match(await call('POST', '/b', 'hello'), { text: 'POST /b hello x-t,u', reused: true })
  t.match(await call('DELETE', '/c', ''), { text: 'DELETE /c  ', reused: true })
})

t.test('round trips of any head and body through both codecs', async (t) => {
  const server = await serve(
    new RecordingServer(({ stream, head, body, trailers }) => {
      stream.head({ status: 200, fields: head.fields }, false)
      for (let at = 0; at < body.length; at += 999)
        stream.data(Buffer.from(body.slice(at, at + 999), 'latin1'))
      stream.end(trailers)
    }),
  )
  t.teardown(server.close)
  const connection = await connect(server.port)
  const name = fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{0,12}$/)
  const value = fc.stringMatching(
    /^([\x21-\x7e\x80-\xff]([\x21-\x7e\x80-\xff\t ]{0,20}[\x21-\x7e\x80-\xff])?)?$/,
  )
  const fields = fc.array(fc.tuple(name, value), { maxLength: 20 }).map((pairs) => pairs.flat())
  await fc.assert(
    fc.asyncProperty(
      fields,
      fc.array(fc.uint8Array({ maxLength: 3000 })),
      fields,
      async (head, chunks, tail) => {
        const seen = new SeenResponse()
        const done = over(seen)
        const stream = connection.open({ ...GET, method: 'POST', fields: head }, false, seen)
        for (const chunk of chunks) stream.data(chunk)
        stream.end(tail.length > 0 ? tail : undefined)
        await done
        const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
        return (
          seen.body === Buffer.concat(chunks).toString('latin1') &&
          same(seen.head?.fields, head) &&
          same(seen.trailers ?? [], tail)
        )
      },
    ),
    { numRuns: 200, seed: 20_261_123 },
  )
  t.equal(connection.carried >= 200, true)
  connection.destroy()
})
