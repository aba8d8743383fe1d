import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request, type IncomingMessage } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import { connect as connectTcp, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { freePorts } from '../../core/testing/free-ports.ts'
import { callerBootstrap, serverBootstrap, type Path, type PathPorts } from './testing/bootstrap.ts'
import { EnvoyProcess, findEnvoy } from './testing/envoy-process.ts'
import { Calls, ECHO, serveEcho } from './testing/grpc-service.ts'
import { portOf } from './testing/pair.ts'
import { ProxyProcess } from './testing/proxy-process.ts'

// A plain Envoy with a mesh certificate and ALPN `h2` on one side of a link, Weft on the other.

const { binary, skip } = findEnvoy()
const CALLER = 'spiffe://cluster.local/ns/shop/sa/caller'
const LARGE = Buffer.alloc(1024 * 1024, 'large ')
const same = (bytes: Buffer): Buffer => bytes

/** What the applications saw. */
const seen = { identities: new Set<string>(), requests: 0 }
const calls = new Calls()
let ports: { web: number; web2: number; echo: number; tcp: number }

t.before(async () => {
  const web = createServer((message, response) => {
    saw(message.headers)
    message.pipe(response.writeHead(200, { 'x-version': message.httpVersion }))
  })
  const web2 = createHttp2Server((message, response) => {
    saw(message.headers)
    response.writeHead(200, { 'x-version': message.httpVersion })
    message.on('data', (chunk: Buffer) => response.write(chunk))
    message.on('end', () => {
      response.addTrailers({ 'x-sum': 'abc' })
      response.end()
    })
  })
  const tcp = createTcpServer((socket) => void socket.on('error', () => {}).pipe(socket))
  for (const server of [web, web2, tcp]) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
  }
  t.teardown(() => web.closeAllConnections())
  const { server, port } = await serveEcho(calls)
  t.teardown(() => server.forceShutdown())
  ports = { web: portOf(web), web2: portOf(web2), echo: port, tcp: portOf(tcp) }
})

function saw(headers: Record<string, unknown>): void {
  seen.requests++
  seen.identities.add(String(headers['x-forwarded-client-cert']))
}

/** A pair of which one is Envoy; gives where callers of a path connect, and Weft's own process. */
async function startMixed(t: Test, caller: 'weft' | 'envoy'): Promise<Mixed> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-envoy-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const link = { kind: 'http', alpn: ['h2'], linkHttp2: true } as const
  const paths: Path[] = [
    {
      ...link,
      name: 'web',
      app: ports.web,
      appProtocol: 'http1',
      demands: { ofServer: 'server', ofCaller: 'caller' },
    },
    { ...link, name: 'web2', app: ports.web2, appProtocol: 'http2' },
    { ...link, name: 'echo', app: ports.echo, appProtocol: 'http2' },
    { name: 'tcp', kind: 'tcp', app: ports.tcp, alpn: ['weft-tcp'] },
    {
      ...link,
      name: 'wrong-server',
      app: ports.web,
      appProtocol: 'http1',
      demands: { ofServer: 'somebody' },
    },
    {
      ...link,
      name: 'wrong-caller',
      app: ports.web,
      appProtocol: 'http1',
      demands: { ofCaller: 'somebody' },
    },
  ]
  const free = await freePorts(2 * paths.length + 1)
  const next = (): number => free.pop() as number
  const of = new Map<string, PathPorts>()
  for (const { name } of paths) {
    const inner = next()
    of.set(name, { front: next(), inner, link: inner })
  }
  const files = { caller: callerBootstrap(paths, of), server: serverBootstrap(paths, of) }
  const other = caller === 'weft' ? 'server' : 'caller'
  const own = caller === 'weft' ? 'caller' : 'server'
  const envoy = await EnvoyProcess.start(binary, other, folder, files[other])
  t.teardown(() => envoy.stop())
  const weft = await ProxyProcess.start(own, folder, files[own], next())
  t.teardown(() => weft.stop())
  return { weft, port: (name) => of.get(name)?.front ?? 0 }
}

interface Mixed {
  readonly weft: ProxyProcess
  port(name: string): number
}

async function send(port: number, body?: Buffer): Promise<{ status: number; version: string; body: string }> {
  const outgoing = request({ port, host: '127.0.0.1', method: body ? 'POST' : 'GET', path: '/x' })
  outgoing.end(body)
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  return {
    status: answer.statusCode ?? 0,
    version: String(answer.headers['x-version']),
    body: await text(answer),
  }
}

for (const caller of ['weft', 'envoy'] as const) {
  const names = caller === 'weft' ? 'Weft calls, Envoy serves' : 'Envoy calls, Weft serves'
  t.test(names, { skip }, async (t) => {
    const { weft, port } = await startMixed(t, caller)

    await t.test('HTTP/1.1 callers and servers', async (t) => {
      seen.identities.clear()
      t.match(await send(port('web')), { status: 200, version: '1.1', body: '' })
      t.match(await send(port('web'), LARGE), { status: 200, body: LARGE.toString() })
      t.strictSame([...seen.identities].map(uriOf), [CALLER], 'the server was told who calls')
      t.match(await weft.line(({ method }) => method === 'POST'), {
        status: 200,
        flags: '-',
        bytes_received: LARGE.length,
        bytes_sent: LARGE.length,
      })
    })

    await t.test('HTTP/2 callers and servers, with trailers', async (t) => {
      const session = connect(`http://127.0.0.1:${port('web2')}`)
      const stream = session.request({ ':method': 'POST', ':path': '/two' })
      let trailers: Record<string, unknown> = {}
      stream.on('trailers', (fields: Record<string, unknown>) => (trailers = fields))
      const answered = once(stream, 'response') as Promise<[Record<string, unknown>]>
      stream.end(LARGE)
      const body = await text(stream)
      const [headers] = await answered
      t.match(headers, { ':status': 200, 'x-version': '2.0' })
      t.equal(body.length, LARGE.length)
      t.match(trailers, { 'x-sum': 'abc' })
      session.close()
    })

    await t.test('gRPC', async (t) => {
      const client = new Client(`127.0.0.1:${port('echo')}`, credentials.createInsecure())
      t.teardown(() => client.close())
      const unary = (path: string, message: Buffer) =>
        new Promise<Buffer | ServiceError>((resolve) => {
          client.makeUnaryRequest(path, same, same, message, new Metadata(), (error, reply) =>
            resolve(error ?? (reply as Buffer)),
          )
        })
      t.ok(((await unary(ECHO.unary.path, LARGE)) as Buffer).equals(LARGE))
      t.equal(uriOf(String(calls.metadata.get('x-forwarded-client-cert')[0])), CALLER)
      const failed = (await unary(ECHO.fail.path, Buffer.alloc(0))) as ServiceError
      t.match(failed, { code: status.FAILED_PRECONDITION, details: 'not now: é %' })
      t.strictSame(failed.metadata.get('why-bin'), [Buffer.from([0, 1, 255])])
      const call = client.makeBidiStreamRequest<Buffer, Buffer>(ECHO.both.path, same, same)
      let count = 0
      call.write(Buffer.from('0'))
      for await (const message of call) {
        if (++count < 20) call.write(message)
        else call.end()
      }
      t.equal(count, 20)
      const deadline = Date.now() + 150
      const error = await new Promise<ServiceError>((resolve) =>
        client
          .makeServerStreamRequest(ECHO.hang.path, same, same, Buffer.from('wait'), { deadline })
          .on('error', resolve),
      )
      t.equal(error.code, status.DEADLINE_EXCEEDED)
      await calls.until(() => calls.waiting === 0)
    })

    await t.test('opaque TCP', async (t) => {
      const socket = connectTcp({ port: port('tcp'), host: '127.0.0.1' })
      socket.end(LARGE)
      t.equal((await buffer(socket)).length, LARGE.length)
      t.match(await weft.line(({ protocol }) => protocol === 'TCP'), { flags: '-', details: 'closed' })
    })

    await t.test('whoever proves another identity is refused, from either side', async (t) => {
      const before = seen.requests
      for (const path of ['wrong-server', 'wrong-caller'])
        t.match(await send(port(path)), { status: 503 }, path)
      t.equal(seen.requests, before, 'the application saw nothing of it')
      // Weft says so where it was the one that refused.
      const refused = await weft.line(({ details }) => details.includes('no name in the certificate'))
      t.match(refused.flags, /UAEX/)
    })
  })
}

/** The URI of an x-forwarded-client-cert. */
function uriOf(text: string): string {
  return /URI=([^;,]+)/.exec(text)?.[1] ?? text
}
