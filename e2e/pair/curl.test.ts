import { execFile, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import { newRoot, secretsOf } from '../../proxy/testing/mesh-identity.ts'
import { portOf, startPair, type Pair } from './testing/pair.ts'

// Debian's curl in front of a pair, as people try a mesh out.

const skip = spawnSync('curl', ['--version']).status === 0 ? false : 'curl is not installed'
const UPLOAD = randomBytes(6_000_000)

let pair: Pair
let folder: string
let handshakes: string[]

interface Said {
  readonly code: number
  readonly stdout: string
  /** With `-v`: what went over the wire. */
  readonly stderr: string
}

function curl(...args: string[]): Promise<Said> {
  return new Promise((resolve) => {
    const options = { maxBuffer: 64 * 1024 * 1024, encoding: 'latin1' } as const
    const child = execFile('curl', ['-sS', '--max-time', '30', ...args], options, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
  })
}

const url = (path: string, name = 'web'): string => `http://127.0.0.1:${pair.port(name)}${path}`

function answer(message: IncomingMessage, response: ServerResponse): void {
  switch (message.url ?? '') {
    case '/trailers':
      response.writeHead(200, { trailer: 'x-sum' })
      response.write('one')
      response.addTrailers({ 'x-sum': 'abc' })
      return void response.end('two')
    case '/early':
      // Nothing of the body is read.
      return void response.writeHead(413).end('too large\n')
    case '/length':
      return void message
        .on('data', () => {})
        .on('end', () => response.writeHead(200, { 'content-length': 12_345 }).end(Buffer.alloc(12_345)))
    default: {
      let bytes = 0
      message.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      return void message.on('end', () =>
        response.end(
          `${message.method} ${message.httpVersion} ${bytes} ${String(message.headers['expect'])}\n`,
        ),
      )
    }
  }
}

t.before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weft-curl-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'upload'), UPLOAD)
  const web = createServer(answer)
  web.on('checkContinue', (message: IncomingMessage, response: ServerResponse) => {
    if (message.url === '/refuse') return void response.writeHead(403).end('no\n')
    response.writeContinue()
    answer(message, response)
  })
  const web2 = createHttp2Server((message, response) => {
    message.resume()
    message.on('end', () => response.end(`${message.method} ${message.httpVersion}\n`))
  })
  const own = secretsOf(newRoot(), 'app')
  handshakes = []
  const secure = createTlsServer(
    { cert: own.certificatePem, key: own.privateKeyPem },
    (socket: TLSSocket) => {
      handshakes.push(String(socket.servername))
      socket.on('error', () => {})
      // Without a length: curl reads to the end. Closing before that would be a reset.
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nsecret\n'))
    },
  )
  for (const server of [web, web2, secure]) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
  }
  const [port, port2] = [portOf(web), portOf(web2)]
  pair = await startPair(t, [
    { name: 'web', kind: 'http', app: port },
    { name: 'web2', kind: 'http', app: port2 },
    { name: 'secure', kind: 'tcp', app: portOf(secure), inspect: true },
    { name: 'mixed', kind: 'tcp', app: port, inspect: true },
  ])
})

t.test('GET and HEAD in HTTP/1.1 and 1.0', { skip }, async (t) => {
  t.equal((await curl(url('/'))).stdout, 'GET 1.1 0 undefined\n')
  t.equal((await curl('--http1.0', url('/'))).stdout, 'GET 1.1 0 undefined\n')
  const head = await curl('-I', url('/length'))
  t.equal(head.code, 0)
  t.match(head.stdout, /^HTTP\/1.1 200 OK\r\n/)
  t.match(head.stdout, /\r\ncontent-length: 12345\r\n/i)
  // Two on one connection: a HEAD's content-length is not waited for.
  const two = await curl('-v', '-I', url('/length'), '--next', '-sS', url('/length'))
  t.match(two.stderr, /re-us(ing|ed) .*connection/i)
  t.equal(two.stdout.length - two.stdout.indexOf('\r\n\r\n') - 4, 12_345)
})

t.test('HTTP/2 with prior knowledge', { skip }, async (t) => {
  const said = await curl('--http2-prior-knowledge', '-i', url('/', 'web2'))
  t.match(said.stdout, /^HTTP\/2 200/)
  t.match(said.stdout, /GET 2.0\n$/)
  const upload = await curl('--http2-prior-knowledge', '-T', join(folder, 'upload'), url('/', 'web2'))
  t.equal(upload.stdout, 'PUT 2.0\n')
  t.match(await pair.server.line(({ method }) => method === 'PUT'), {
    bytes_received: UPLOAD.length,
    flags: '-',
  })
})

t.test('its own TLS passes untouched, by SNI', { skip }, async (t) => {
  const port = pair.port('secure')
  const said = await curl(
    ...['-v', '-k', '--resolve', `shop.example:${port}:127.0.0.1`, `https://shop.example:${port}/`],
  )
  t.equal(said.stdout, 'secret\n')
  t.strictSame(handshakes, ['shop.example'], "the server's own handshake, with the name that curl sent")
  t.notMatch(said.stderr, /weft-/, 'no protocol of the mesh is seen')
  t.match(await pair.caller.line(({ protocol }) => protocol === 'TCP'), { flags: '-', details: 'closed' })
  t.equal((await curl(url('/', 'mixed'))).stdout, 'GET 1.1 0 undefined\n', 'and HTTP beside it is HTTP')
  t.match(await pair.caller.line(({ path, bytes_sent }) => path === '/' && bytes_sent > 0), { status: 200 })
})

t.test('an upload that waits for its 100', { skip }, async (t) => {
  const body = ['-H', 'expect: 100-continue', '-T', join(folder, 'upload')]
  const said = await curl('-v', '--expect100-timeout', '20', ...body, url('/'))
  t.equal(said.stdout, `PUT 1.1 ${UPLOAD.length} 100-continue\n`)
  t.match(said.stderr, /< HTTP\/1.1 100 Continue/i)
  const refused = await curl('-v', '--expect100-timeout', '20', ...body, url('/refuse'))
  t.equal(refused.stdout, 'no\n')
  t.match(refused.stderr, /< HTTP\/1.1 403/)
})

t.test('an upload without a length, and trailers of an answer', { skip }, async (t) => {
  const chunked = ['-H', 'transfer-encoding: chunked', '-H', 'expect:', '-T', join(folder, 'upload')]
  t.equal((await curl(...chunked, url('/'))).stdout, `PUT 1.1 ${UPLOAD.length} undefined\n`)
  const raw = await curl('--raw', '-i', url('/trailers'))
  t.match(raw.stdout, /\r\n0\r\nx-sum: abc\r\n\r\n$/)
})

t.test('an answer before the end of a large upload', { skip }, async (t) => {
  for (const how of [
    ['-T', join(folder, 'upload')],
    ['-H', 'transfer-encoding: chunked', '-T', join(folder, 'upload')],
  ]) {
    const said = await curl('-i', '-H', 'expect:', ...how, url('/early'))
    t.match(said.stdout, /^HTTP\/1.1 413/)
    t.match(said.stdout, /too large\n$/)
  }
  t.equal((await curl(url('/'))).stdout, 'GET 1.1 0 undefined\n', 'and the next is served')
  t.match(await pair.caller.line(({ path }) => path === '/early'), { status: 413, flags: '-' })
})
