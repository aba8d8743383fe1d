import t from 'tap'
import { portOf, startPair, type Pair } from './testing/pair.ts'
import { dial, RawServer, type RawConnection } from './testing/raw-http.ts'

// The corners of HTTP/1.1, byte by byte at both ends: what a caller sends crosses the link as a stream, and what the
// server application sees is HTTP/1.1 again.

const HEAD = /\r\n\r\n/
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

let pair: Pair
let app: RawServer

t.before(async () => {
  app = await RawServer.listen()
  const upgrade_configs = [{ upgrade_type: 'own' }]
  pair = await startPair(t, [
    {
      name: 'app',
      kind: 'http',
      app: portOf(app.server),
      connect: true,
      // Longer than any test: what closes before was told to.
      idleTimeout: '120s',
      route: { upgrade_configs },
      innerRoute: { upgrade_configs },
    },
  ])
  // The last of the connections are the proxy's own, kept for the next request.
  t.teardown(() => app.server.close())
})

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nhost: a.test\r\n${more}\r\n`
const open = (): Promise<RawConnection> => dial(pair.port('app'))

/** Ends both sides of an exchange, so that the next test starts with a new connection to the application. */
function done(...connections: RawConnection[]): void {
  for (const { socket } of connections) socket.destroy()
}

t.test('pipelined requests are sent on and answered one after the other', async (t) => {
  const client = await open()
  client.write(get('/1') + get('/2') + get('/3'))
  const answered: string[] = []
  const served: RawConnection[] = []
  for (let i = 1; i <= 3; i++) {
    // One after the other: the next is sent on when the one before is answered.
    const server: RawConnection = served[0] ?? (await app.accept())
    const head = await server.take(HEAD)
    t.match(head, new RegExp(`^GET /${i} HTTP/1.1\r\n`))
    served[0] = server
    server.write(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${i}`)
    answered.push(await client.take(new RegExp(`\r\n\r\n${i}`)))
  }
  t.equal(answered.length, 3)
  done(client, ...served)
})

t.test('names of fields arrive as they were written, on a new link and on one in use', async (t) => {
  for (const path of ['/first', '/second']) {
    const client = await open()
    client.write(get(path, 'SOAPAction: "a"\r\nx-low: 1\r\nX-MiXeD: 2\r\nx-weft-spelling: X-Low\r\n'))
    const server = await app.accept()
    const head = await server.take(HEAD)
    t.match(head, /\r\nSOAPAction: "a"\r\nx-low: 1\r\nX-MiXeD: 2\r\n/)
    t.notMatch(head, /x-weft-/i)
    server.write('HTTP/1.1 200 OK\r\nSOAPServer: b\r\nContent-Length: 2\r\nx-weft-spelling: X-Low\r\n\r\nok')
    const answer = await client.take(/ok$/)
    t.match(answer, /\r\nSOAPServer: b\r\nContent-Length: 2\r\n/)
    t.notMatch(answer, /x-weft-/i)
    done(client, server)
  }
})

t.test('HTTP/1.0: no chunks and no interim answers, and its end is told as asked', async (t) => {
  const client = await open()
  client.write('GET /old HTTP/1.0\r\nhost: a.test\r\n\r\n')
  const server = await app.accept()
  t.match(await server.take(HEAD), /^GET \/old HTTP\/1.1\r\n/, 'the application is asked in HTTP/1.1')
  server.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n')
  server.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n')
  const answer = await client.untilEnd()
  t.match(answer, /^HTTP\/1.1 200 /)
  t.notMatch(answer, /transfer-encoding|103 Early/i)
  t.match(answer, /\r\nconnection: close\r\n/i)
  t.match(answer, /\r\n\r\nabc$/)

  const kept = await open()
  kept.write('GET /kept HTTP/1.0\r\nhost: a.test\r\nconnection: keep-alive\r\n\r\n')
  await server.take(HEAD)
  server.write(OK)
  t.match(await kept.take(/ok$/), /\r\nconnection: keep-alive\r\n/i)
  kept.write('GET /again HTTP/1.0\r\nhost: a.test\r\n\r\n')
  await server.take(HEAD)
  server.write(OK)
  t.match(await kept.untilEnd(), /\r\nconnection: close\r\n/i)
  done(client, kept, server)
})

t.test('an answer that only its end ends comes as chunks', async (t) => {
  const client = await open()
  client.write(get('/close'))
  const server = await app.accept()
  await server.take(HEAD)
  server.end('HTTP/1.0 200 OK\r\n\r\nall of it')
  const answer = await client.take(/\r\n0\r\n\r\n/)
  t.match(answer, /\r\ntransfer-encoding: chunked\r\n/i)
  t.match(answer, /\r\n\r\n9\r\nall of it\r\n0\r\n\r\n$/)
  client.write(get('/next'))
  const next = await app.accept()
  await next.take(HEAD)
  next.write(OK)
  await client.take(/ok$/)
  t.pass("the caller's connection goes on")
  done(client, server, next)
})

t.test('HEAD, 204 and 304 have no content whatever length they tell', async (t) => {
  const client = await open()
  client.write(get('/').replace('GET', 'HEAD'))
  const server = await app.accept()
  await server.take(HEAD)
  server.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n')
  t.match(await client.take(HEAD), /\r\ncontent-length: 100\r\n/i)
  client.write(get('/none'))
  await server.take(HEAD)
  server.write('HTTP/1.1 204 No Content\r\n\r\n')
  t.notMatch(await client.take(HEAD), /content-length|transfer-encoding/i)
  client.write(get('/same', 'if-none-match: "1"\r\n'))
  await server.take(HEAD)
  server.write('HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\netag: "1"\r\n\r\n')
  t.match(await client.take(HEAD), /^HTTP\/1.1 304 [^]*\r\ncontent-length: 7\r\n/)
  client.write(get('/last'))
  await server.take(HEAD)
  server.write(OK)
  t.match(await client.take(/ok$/), /^HTTP\/1.1 200 /, 'and the next answer is not taken for content')
  done(client, server)
})

t.test('interim answers come before the final one, each as it was', async (t) => {
  const client = await open()
  client.write(get('/hints'))
  const server = await app.accept()
  await server.take(HEAD)
  for (const name of ['a', 'b']) {
    server.write(`HTTP/1.1 103 Early Hints\r\nlink: </${name}>\r\n\r\n`)
    t.match(await client.take(HEAD), new RegExp(`^HTTP/1.1 103 [^]*\r\nlink: </${name}>\r\n`))
  }
  server.write(OK)
  t.match(await client.take(/ok$/), /^HTTP\/1.1 200 /)
  done(client, server)
})

t.test('100-continue: the body waits for the application', async (t) => {
  const client = await open()
  const head = 'PUT /up HTTP/1.1\r\nhost: a.test\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n'
  client.write(head)
  const server = await app.accept()
  t.match(await server.take(HEAD), /\r\nexpect: 100-continue\r\n/i)
  t.equal(client.text, '', 'no proxy answers for it')
  server.write('HTTP/1.1 100 Continue\r\n\r\n')
  t.match(await client.take(HEAD), /^HTTP\/1.1 100 /)
  client.write('hello')
  t.equal(await server.take(/hello/), 'hello')
  server.write(OK)
  await client.take(/ok$/)

  client.write(head)
  await server.take(HEAD)
  server.write('HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n')
  const refused = await client.take(HEAD)
  t.match(refused, /^HTTP\/1.1 417 /)
  // Whether the client sends the body now nobody knows (RFC 9110 section 10.1.1).
  t.match(refused, /\r\nconnection: close\r\n/i)
  await client.untilEnd()
  done(client, server)
})

t.test('chunks and trailers of a request arrive as such', async (t) => {
  const client = await open()
  client.write(
    'POST /chunks HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n',
  )
  const server = await app.accept()
  t.match(await server.take(HEAD), /\r\ntransfer-encoding: chunked\r\n/i)
  client.write('3;ext=1\r\nabc\r\n')
  t.match(await server.take(/abc\r\n/), /^3\r\nabc\r\n$/, 'each as it comes, without its extension')
  client.write('0\r\nx-sum: 42\r\n\r\n')
  t.match(await server.take(HEAD), /^0\r\nx-sum: 42\r\n\r\n$/)
  server.write(OK)
  await client.take(/ok$/)
  done(client, server)
})

t.test('what one proxy takes of a head the other takes, and passes on', async (t) => {
  const client = await open()
  let server: RawConnection | undefined
  // A hundred fields with the host, and all but full; and one that fills the limit of 60 KiB by itself.
  for (const [count, bytes] of [
    [99, 590],
    [1, 61_000],
  ] as const) {
    const fields = Array.from({ length: count }, (_, i) => `x-${i}: ${'v'.repeat(bytes)}\r\n`).join('')
    client.write(get('/large', fields))
    server ??= await app.accept()
    t.equal((await server.take(HEAD)).match(/\r\nx-\d+: v/g)?.length, count, 'a request')
    server.write(OK.replace('content-length: 2\r\n', `content-length: 2\r\n${fields}`))
    t.equal((await client.take(/ok$/)).match(/\r\nx-\d+: v/g)?.length, count, 'an answer')
  }
  client.write(get('/more', 'x: 1\r\n'.repeat(100)))
  t.match(await client.take(HEAD), /^HTTP\/1.1 431 /, 'beyond that the first one says so')
  done(client, server as RawConnection)
})

t.test('OPTIONS * is asked of the application', async (t) => {
  const client = await open()
  client.write('OPTIONS * HTTP/1.1\r\nhost: a.test\r\n\r\n')
  const server = await app.accept()
  t.match(await server.take(HEAD), /^OPTIONS \* HTTP\/1.1\r\n/)
  server.write(OK)
  t.match(await client.take(/ok$/), /^HTTP\/1.1 200 /)
  done(client, server)
})

t.test('an upgrade makes a tunnel, and each side ends for itself', async (t) => {
  const client = await open()
  client.write(get('/own', 'connection: upgrade\r\nupgrade: own\r\n'))
  const server = await app.accept()
  t.match(await server.take(HEAD), /\r\nupgrade: own\r\n/i)
  server.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: own\r\n\r\nfirst')
  t.match(await client.take(/first/), /^HTTP\/1.1 101 [^]*\r\nupgrade: own\r\n/i)
  client.end('\0up\xff')
  t.equal(await server.untilEnd(), '\0up\xff')
  server.end('down')
  t.equal(await client.untilEnd(), 'down')
  done(client, server)
})

t.test('CONNECT makes a tunnel to where the application leads', async (t) => {
  const client = await open()
  client.write('CONNECT db.test:5432 HTTP/1.1\r\nhost: db.test:5432\r\n\r\n')
  const server = await app.accept()
  t.match(await server.take(HEAD), /^CONNECT db.test:5432 HTTP\/1.1\r\n/)
  server.write('HTTP/1.1 200 Connection established\r\n\r\n')
  const answer = await client.take(HEAD)
  t.match(answer, /^HTTP\/1.1 200 /)
  t.notMatch(answer, /content-length|transfer-encoding/i)
  client.write('GET / HTTP/1.1\r\n\r\n')
  t.equal(await server.take(HEAD), 'GET / HTTP/1.1\r\n\r\n', 'its bytes are nobody else’s')
  server.end('bye')
  t.equal(await client.untilEnd(), 'bye')
  client.end()
  await server.untilEnd()
  t.match(await pair.caller.line(({ method }) => method === 'CONNECT'), { status: 200, flags: '-' })
  done(client, server)
})

t.test('an answer before the end of the request', async (t) => {
  const client = await open()
  client.write('POST /early HTTP/1.1\r\nhost: a.test\r\ncontent-length: 10\r\n\r\nhalf ')
  const server = await app.accept()
  await server.take(/half /)
  server.write('HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nno\n')
  t.match(await client.take(/no\n$/), /^HTTP\/1.1 413 /)
  // The rest belongs to that request, not to the next.
  client.write(`rest!${get('/after')}`)
  const next = await app.accept()
  t.match(await next.take(HEAD), /^GET \/after HTTP\/1.1\r\n/)
  next.write(OK)
  t.match(await client.take(/ok$/), /^HTTP\/1.1 200 /)
  done(client, server, next)
})

t.test('a client that ends its side while it waits has given the request up', async (t) => {
  const client = await open()
  client.write(get('/half'))
  const server = await app.accept()
  await server.take(HEAD)
  client.socket.end()
  t.equal(await server.untilEnd(), '')
  t.match(await pair.server.line(({ path }) => path === '/half'), { status: 0, flags: 'DC' })
  done(client, server)
})

t.test('Keep-Alive: timeout: the proxy is the first to close', async (t) => {
  const client = await open()
  client.write(get('/timeout'))
  const server = await app.accept()
  await server.take(HEAD)
  server.write(OK.replace('\r\n\r\n', '\r\nkeep-alive: timeout=1\r\n\r\n'))
  t.notMatch(await client.take(/ok$/), /keep-alive/i, 'of this hop alone')
  // The application never closes by itself here.
  t.equal(await server.untilEnd(), '')
  const before = app.count
  client.write(get('/later'))
  const next = await app.accept()
  t.equal(app.count, before + 1)
  await next.take(HEAD)
  next.write(OK)
  await client.take(/ok$/)
  done(client, server, next)
})

t.test('a connection that was closed under a request: asked again once, and never a write', async (t) => {
  const client = await open()
  for (const [method, length] of [
    ['GET', ''],
    ['POST', 'content-length: 0\r\n'],
  ] as const) {
    client.write(get('/warm'))
    const server = await app.accept()
    await server.take(HEAD)
    server.write(OK)
    await client.take(/ok$/)
    // The application takes the request and closes, as one does whose time for idle connections was over.
    client.write(get(`/${method}`, length).replace('GET', method))
    if (method === 'POST') {
      // Since the application was seen to close a connection that waited, a write is sent on a new one.
      const fresh = app.accept().then(async (connection) => {
        await connection.take(HEAD)
        return connection
      })
      const asked = server.take(HEAD).then(() => server)
      const taker = await Promise.any([fresh, asked])
      taker.socket.destroy()
      t.match(await client.take(HEAD), /^HTTP\/1.1 503 /)
      continue
    }
    await server.take(HEAD)
    server.socket.destroy()
    const second = await app.accept()
    t.match(await second.take(HEAD), /^GET \/GET /)
    second.write(OK.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'))
    t.match(await client.take(/ok$/), /^HTTP\/1.1 200 /)
    done(second)
  }
  t.match(await pair.server.line(({ path }) => path === '/GET'), { status: 200, attempts: 2, flags: '-' })
  t.match(await pair.server.line(({ path }) => path === '/POST'), { status: 503, attempts: 1, flags: 'UC' })
  done(client)
})
