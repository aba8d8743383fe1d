import { once } from 'node:events'
import { connect, constants } from 'node:http2'
import t from 'tap'
import { portOf, startPair, type Pair } from './testing/pair.ts'
import { EchoServer } from './testing/websocket-server.ts'

// HTTP/1.1 Upgrade -> extended CONNECT (RFC 8441) on the link -> HTTP/1.1 Upgrade again.

const server = new EchoServer()
let pair: Pair

t.before(async () => {
  server.http.listen(0, '127.0.0.1')
  await once(server.http, 'listening')
  t.teardown(() => server.http.close())
  const upgrade_configs = [{ upgrade_type: 'websocket' }]
  pair = await startPair(t, [
    {
      name: 'chat',
      kind: 'http',
      app: portOf(server.http),
      route: { upgrade_configs },
      innerRoute: { upgrade_configs },
    },
    {
      name: 'brief',
      kind: 'http',
      app: portOf(server.http),
      route: { upgrade_configs, timeout: '1s' },
      innerRoute: { upgrade_configs },
    },
    {
      name: 'chat-h1',
      kind: 'http',
      app: portOf(server.http),
      appProtocol: 'http1',
      route: { upgrade_configs },
      innerRoute: { upgrade_configs },
    },
    { name: 'closed', kind: 'http', app: portOf(server.http) },
  ])
})

async function open(path = '/', name = 'chat', protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${pair.port(name)}${path}`, protocols)
  socket.binaryType = 'arraybuffer'
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', () => reject(new Error('not opened')))
  })
  return socket
}

function next(socket: WebSocket): Promise<string | Buffer> {
  return new Promise((resolve, reject) => {
    socket.addEventListener(
      'message',
      (event: { readonly data: unknown }) => {
        const { data } = event
        resolve(typeof data === 'string' ? data : Buffer.from(data as ArrayBuffer))
      },
      { once: true },
    )
    socket.addEventListener('close', () => reject(new Error('closed')), { once: true })
  })
}

t.test('messages of every length class come back, text and binary', async (t) => {
  const socket = await open('/', 'chat', ['echo'])
  t.equal(socket.protocol, 'echo')
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 3_000_000]) {
    const message = Buffer.alloc(size, 'abcdef')
    socket.send(message)
    const back = await next(socket)
    t.ok(message.equals(back as Buffer), `${size} bytes`)
  }
  socket.send('text: é')
  t.equal(await next(socket), 'text: é')
  const closed = once(socket, 'close')
  socket.close(4001, 'enough')
  const [event] = (await closed) as [CloseEvent]
  t.match(event, { code: 4001, reason: 'enough', wasClean: true })
  await server.until(() => server.closes.includes(4001))
  for (const proxy of [pair.caller, pair.server])
    t.match(await proxy.line(({ status }) => status === 101), { protocol: 'HTTP/1.1', flags: '-' })
})

t.test("a tunnel outlives the route's timeout", async (t) => {
  const socket = await open('/', 'brief')
  const response = await fetch(`http://127.0.0.1:${pair.port('brief')}/hang`)
  t.equal(response.status, 504, 'a request that began after it is over')
  socket.send('later')
  t.equal(await next(socket), 'later')
  socket.close()
  await once(socket, 'close')
})

t.test('a hundred at once, each its own', async (t) => {
  const sockets = await Promise.all(Array.from({ length: 100 }, () => open()))
  for (let round = 0; round < 5; round++) {
    const answers = sockets.map(next)
    sockets.forEach((socket, i) => socket.send(`${round}/${i}`))
    t.strictSame(
      await Promise.all(answers),
      sockets.map((_, i) => `${round}/${i}`),
    )
  }
  const closed = sockets.map((socket) => once(socket, 'close'))
  for (const socket of sockets) socket.close()
  await Promise.all(closed)
  await server.until(() => server.sockets.size === 0)
})

t.test('a server that breaks off is seen by the client, and the other way round', async (t) => {
  const first = await open()
  await server.until(() => server.sockets.size === 1)
  const closed = once(first, 'close')
  for (const socket of server.sockets) socket.terminate()
  const [event] = (await closed) as [CloseEvent]
  t.equal(event.code, 1006)

  const session = connect(`http://127.0.0.1:${pair.port('chat-h1')}`)
  await once(session, 'remoteSettings')
  t.ok(session.remoteSettings.enableConnectProtocol)
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/',
    ':authority': 'chat',
    ':scheme': 'http',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  })
  stream.on('error', () => {})
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
  t.equal(headers[':status'], 200, 'a caller that speaks HTTP/2 itself has its extended CONNECT answered')
  const broken = server.closes.length
  stream.close(constants.NGHTTP2_CANCEL)
  await server.until(() => server.closes.length > broken)
  t.equal(server.closes.at(-1), 1006)
  session.close()
})

t.test('a refusal is an ordinary answer, and an upgrade that no route allows is a 403', async (t) => {
  await t.rejects(open('/refused'), /not opened/)
  t.match(await pair.caller.line(({ path }) => path === '/refused'), { status: 403, details: 'via_upstream' })
  await t.rejects(open('/', 'closed'), /not opened/)
  t.match(await pair.caller.line(({ details }) => details === 'upgrade_failed'), { status: 403 })
  const response = await fetch(`http://127.0.0.1:${pair.port('chat')}/plain`)
  t.equal(response.status, 426)
})
