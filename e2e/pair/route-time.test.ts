import t from 'tap'
import { portOf, startPair, type Pair } from './testing/pair.ts'
import { dial, RawServer } from './testing/raw-http.ts'

// What a route says of time, tries and upgrades, over sockets.

const HEAD = /\r\n\r\n/
const ANY_UPGRADE = { upgrade_configs: [{ upgrade_type: '*' }] }
let app: RawServer
let pair: Pair

t.before(async () => {
  app = await RawServer.listen()
  t.teardown(() => app.server.close())
  const retry_policy = {
    retry_on: '5xx',
    num_retries: 4,
    retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' },
  }
  const path = { kind: 'http', app: portOf(app.server), appProtocol: 'http1' } as const
  pair = await startPair(t, [
    { ...path, name: 'limited', route: { timeout: '1s' } },
    { ...path, name: 'retried', route: { timeout: '0s', retry_policy } },
    {
      ...path,
      name: 'tried',
      route: {
        timeout: '0s',
        retry_policy: { ...retry_policy, retry_on: 'reset', num_retries: 2, per_try_timeout: '1s' },
      },
    },
    {
      ...path,
      name: 'not-reset',
      route: {
        timeout: '0s',
        retry_policy: { ...retry_policy, retry_on: 'reset-before-request', per_try_timeout: '1s' },
      },
    },
    { ...path, name: 'upgraded', route: ANY_UPGRADE, innerRoute: ANY_UPGRADE },
  ])
})

t.test('what an upload takes is not the time of the upstream', async (t) => {
  const client = await dial(pair.port('limited'))
  client.write('POST /upload HTTP/1.1\r\nhost: a.test\r\ncontent-length: 8\r\n\r\n')
  const behind = await app.accept()
  for (let i = 0; i < 8; i++) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    client.write('x')
  }
  await behind.take(/\r\n\r\nx{8}/)
  behind.write('HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n')
  t.match(await client.take(HEAD), /^HTTP\/1.1 201 /)
  client.write('GET /slow HTTP/1.1\r\nhost: a.test\r\n\r\n')
  t.match(await client.take(HEAD), /^HTTP\/1.1 504 /)
  client.socket.destroy()
})

t.test('answers that a retry turns away leave their connection: 15 tries need one', async (t) => {
  const before = app.count
  const client = await dial(pair.port('retried'))
  let tries = 0
  const serve = async (): Promise<void> => {
    const behind = await app.accept()
    for (; tries < 15; tries++) {
      await behind.take(HEAD)
      behind.write('HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy')
    }
  }
  const served = serve()
  for (let i = 0; i < 3; i++) {
    client.write(`GET /${i} HTTP/1.1\r\nhost: a.test\r\n\r\n`)
    t.match(await client.take(/\r\n\r\nbusy/), /^HTTP\/1.1 503 /)
  }
  await served
  t.same([tries, app.count - before], [15, 1])
  client.socket.destroy()
})

t.test(
  'a try that takes too long is a reset, and followed by the next; what may not be repeated is not',
  async (t) => {
    const client = await dial(pair.port('tried'))
    client.write('GET /third HTTP/1.1\r\nhost: a.test\r\n\r\n')
    for (let i = 0; i < 2; i++) {
      const behind = await app.accept()
      await behind.take(HEAD)
      await behind.untilEnd()
      behind.end()
    }
    const behind = await app.accept()
    await behind.take(HEAD)
    behind.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthird')
    t.match(await client.take(/\r\n\r\nthird/), /^HTTP\/1.1 200 /)
    client.socket.destroy()
    const before = app.count
    for (const [port, method] of [
      [pair.port('tried'), 'POST'],
      [pair.port('not-reset'), 'GET'],
    ] as const) {
      const other = await dial(port)
      other.write(`${method} /once HTTP/1.1\r\nhost: a.test\r\ncontent-length: 0\r\n\r\n`)
      t.match(await other.take(HEAD), /^HTTP\/1.1 504 /, method)
      other.socket.destroy()
      const silent = app.count > before ? await app.accept() : behind
      t.match(await silent.take(HEAD), / \/once /)
    }
  },
)

// The first bytes of a ClientHello (RFC 8446 section 5.1), of an SSH client, and of a request of HTTP/0.9.
for (const [what, bytes] of [
  ['a ClientHello', '\x16\x03\x01\x02\x00\x01'],
  ['one byte of a ClientHello', '\x16'],
  ['an SSH banner', 'SSH-2.0-a\r\n'],
] as const)
  t.test(`${what} on an HTTP port is refused at once`, async (t) => {
    const client = await dial(pair.port('limited'))
    client.write(bytes)
    t.match(await client.untilEnd(), /^(HTTP\/1.1 400 [^]*)?$/)
    client.end()
  })

for (const token of ['SPDY/3.1', 'x-vendor', 'websocket']) {
  const ask = `GET /up HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: ${token}\r\n\r\n`

  t.test(`an upgrade to ${token}: bytes right behind both heads arrive`, async (t) => {
    const client = await dial(pair.port('upgraded'))
    client.write(`${ask}early`)
    const behind = await app.accept()
    t.match(await behind.take(HEAD), new RegExp(`upgrade: ${token}\r\n`, 'i'))
    behind.write(`HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: ${token}\r\n\r\nhello`)
    t.match(await client.take(/\r\n\r\nhello/), new RegExp(`^HTTP/1.1 101 [^]*upgrade: ${token}\r\n`, 'i'))
    t.equal(await behind.take(/early/), 'early')
    client.end('over')
    t.equal(await behind.untilEnd(), 'over')
    behind.end('out')
    t.equal(await client.untilEnd(), 'out')
  })

  for (const status of [200, 400, 426])
    t.test(`an application answers ${status} to an upgrade to ${token}`, async (t) => {
      const client = await dial(pair.port('upgraded'))
      client.write(ask)
      const behind = await app.accept()
      await behind.take(HEAD)
      behind.write(`HTTP/1.1 ${status} Said\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno`)
      behind.end()
      t.match(await client.take(/\r\n\r\nno/), new RegExp(`^HTTP/1.1 ${status} `))
      client.socket.destroy()
    })
}

t.test('blanks around values are no part of them; codes beyond 599 pass', async (t) => {
  const client = await dial(pair.port('upgraded'))
  client.write('GET / HTTP/1.1\r\nhost: a.test\r\nx-said: \t a b \t \r\n\r\n')
  const behind = await app.accept()
  t.match(await behind.take(HEAD), /\r\nx-said: a b\r\n/i)
  behind.write(
    'HTTP/1.1 799 Odd\r\ncontent-length: 0\r\ngrpc-message: bad argument: \t\r\nconnection: close\r\n\r\n',
  )
  const head = await client.take(HEAD)
  t.match(head, /^HTTP\/1.1 799 /)
  t.match(head, /\r\ngrpc-message: bad argument:\r\n/)
  client.socket.destroy()
})
