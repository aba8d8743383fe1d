import { Client, credentials, type ClientDuplexStream } from '@grpc/grpc-js'
import { once } from 'node:events'
import { Agent, createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect, createServer as createTcp } from 'node:net'
import t, { type Test } from 'tap'
import { Calls, ECHO, serveEcho } from './testing/grpc-service.ts'
import { portOf, startPair, type Pair } from './testing/pair.ts'
import type { ProxyProcess } from './testing/proxy-process.ts'
import { EchoServer } from './testing/websocket-server.ts'

// SIGTERM to one proxy of a pair while every protocol is in use: what runs ends as its two ends like, what comes
// meanwhile is served, and the process ends by itself once nothing runs.

const same = (bytes: Buffer): Buffer => bytes
const chat = new EchoServer()
const held: ServerResponse[] = []
let pair: Pair

t.before(async () => {
  const web = createServer((message, response) => {
    if (message.url === '/held') {
      response.write('begun, ')
      held.push(response)
    } else response.end('answer')
  }).listen(0, '127.0.0.1')
  const echo = createTcp({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  chat.http.listen(0, '127.0.0.1')
  await Promise.all([web, echo, chat.http].map((server) => once(server, 'listening')))
  const grpc = await serveEcho(new Calls())
  t.teardown(() => {
    web.close()
    web.closeAllConnections()
    echo.close()
    chat.http.close()
    grpc.server.forceShutdown()
  })
  const upgrade_configs = [{ upgrade_type: 'websocket' }]
  pair = await startPair(
    t,
    [
      { name: 'web', kind: 'http', app: portOf(web), appProtocol: 'http1' },
      { name: 'grpc', kind: 'http', app: grpc.port, appProtocol: 'http2' },
      {
        name: 'chat',
        kind: 'http',
        app: portOf(chat.http),
        route: { upgrade_configs },
        innerRoute: { upgrade_configs },
      },
      { name: 'tcp', kind: 'tcp', app: portOf(echo) },
    ],
    { flags: ['--drain-seconds', '60'] },
  )
})

/** Something of each protocol that runs until `end`, which gives what came of it. */
async function inUse(): Promise<{ end(): Promise<Record<string, unknown>> }> {
  const agent = new Agent({ keepAlive: true })
  const [http1] = (await once(
    get({ port: pair.port('web'), host: '127.0.0.1', path: '/held', agent }),
    'response',
  )) as [IncomingMessage]
  const session = connectHttp2(`http://127.0.0.1:${pair.port('web')}`)
  session.on('error', () => {})
  const http2 = session.request({ ':path': '/held' })
  await once(http2, 'response')
  const client = new Client(`127.0.0.1:${pair.port('grpc')}`, credentials.createInsecure())
  const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(ECHO.both.path, same, same)
  call.write(Buffer.from('before'))
  await once(call, 'data')
  const socket = new WebSocket(`ws://127.0.0.1:${pair.port('chat')}/`)
  await once(socket, 'open')
  const tcp = connect({ port: pair.port('tcp'), host: '127.0.0.1', allowHalfOpen: true })
  tcp.write('before')
  await once(tcp, 'data')
  return {
    async end() {
      for (const response of held.splice(0)) response.end('ended')
      const texts = await Promise.all(
        [http1, http2].map(async (stream) => {
          let text = ''
          for await (const chunk of stream) text += String(chunk)
          return text
        }),
      )
      const status = once(call, 'status')
      const message = once(call, 'data')
      call.write(Buffer.from('after'))
      const [grpcText] = (await message) as [Buffer]
      call.end()
      const [{ code }] = (await status) as [{ code: number }]
      const said = once(socket, 'message')
      socket.send('after')
      const [{ data }] = (await said) as [{ data: unknown }]
      const closed = once(socket, 'close')
      socket.close(1000)
      const [{ wasClean }] = (await closed) as [{ wasClean: boolean }]
      tcp.end('after')
      let echo = ''
      for await (const chunk of tcp) echo += String(chunk)
      agent.destroy()
      client.close()
      session.destroy()
      return { texts, grpc: [String(grpcText), code], webSocket: [data, wasClean], tcp: echo }
    },
  }
}

const WHOLE = {
  texts: ['begun, ended', 'begun, ended'],
  grpc: ['after', 0],
  webSocket: ['after', true],
  tcp: 'after',
}

async function drains(t: Test, proxy: ProxyProcess): Promise<void> {
  const using = await inUse()
  let keeping = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = async (): Promise<IncomingMessage> => {
    const asked = get({ port: pair.port('web'), host: '127.0.0.1', path: '/', agent: keeping })
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    return response
  }
  t.not((await ask()).headers.connection, 'close')
  proxy.signal('SIGTERM')
  await proxy.until(() => (proxy.stderr.includes('"draining"') ? true : undefined))
  // A connection that waits is closed at once, which a client that uses it again would meet.
  if (proxy === pair.caller) keeping = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let i = 0; i < 20; i++) t.equal((await ask()).statusCode, 200, 'what comes meanwhile is served')
  if (proxy === pair.caller) t.equal((await ask()).headers.connection, 'close', 'and asked to go elsewhere')
  keeping.destroy()
  t.ok(proxy.running, 'it waits for what runs')
  t.strictSame(await using.end(), WHOLE)
  const [code] = await proxy.ended
  t.equal(code, 0)
  t.notMatch(proxy.stderr, /cut off/)
  const failed = pair.caller.lines.filter(({ flags }) => flags !== '-')
  t.same(failed, [], 'no request failed')
}

t.test("the server's proxy is told to go", async (t) => {
  await drains(t, pair.server)
  await pair.restartServer()
})

t.test("the caller's proxy is told to go", async (t) => drains(t, pair.caller))
