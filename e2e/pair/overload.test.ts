import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { strangerTls } from './testing/bootstrap.ts'
import { goodClient } from './testing/good-client.ts'
import { portOf, startPair, type Pair } from './testing/pair.ts'

// Clients that are slow in bad faith, at the plaintext and at the mTLS side: they are given up in time, what is kept
// for them is bounded, and a client in good faith is served all the while. WEFT_LONG=1: ten times as many.

const MANY = process.env['WEFT_LONG'] ? 1000 : 100
// More than the kernels on the way take for a reader that never reads.
const PIECES = 16
const LARGE = Buffer.alloc(1024 * 1024, 'large ')
const READERS = MANY / 4
const CONNECTIONS = MANY + 300
let pair: Pair

t.before(async () => {
  const app = createServer((message, response) => {
    if (message.url === '/large') {
      response.on('error', () => {})
      for (let i = 0; i < PIECES; i++) response.write(LARGE)
      return void response.end()
    }
    message.resume().on('end', () => response.end('answer'))
    message.on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => {
    app.close()
    app.closeAllConnections()
  })
  const manager = { request_headers_timeout: '0.5s', stream_idle_timeout: '1.5s' }
  pair = await startPair(
    t,
    [{ name: 'web', kind: 'http', app: portOf(app), appProtocol: 'http1', manager }],
    {
      flags: ['--max-connections', String(CONNECTIONS)],
    },
  )
})

/** Connections that send `bytes` and then nothing; resolves once all are closed, to what each was told. */
async function crowd(count: number, open: () => Socket, bytes: string): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, () => {
      const socket = open()
      let text = ''
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
      socket.write(bytes)
      return new Promise<string>((resolve) => socket.on('close', () => resolve(text)))
    }),
  )
}

const plain = (): Socket => connect({ port: pair.port('web'), host: '127.0.0.1' })

async function unharmed(t: Test, attack: () => Promise<void>): Promise<void> {
  const good = goodClient(pair.port('web'))
  await attack()
  const told = await good.stop()
  t.same(
    told.wrong,
    [],
    `${told.asked} requests in good faith, the slowest took ${told.slowestMs.toFixed(0)} ms`,
  )
  t.ok(told.asked > 10)
}

t.test('heads that never end', async (t) =>
  unharmed(t, async () => {
    const told = await crowd(MANY, plain, 'GET / HTTP/1.1\r\nhost: a\r\nx-more: ')
    t.equal(told.filter((text) => text.startsWith('HTTP/1.1 408 ')).length, MANY)
  }),
)

t.test('bodies that never end', async (t) =>
  unharmed(t, async () => {
    const told = await crowd(MANY, plain, 'POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\npart')
    t.same(
      told.filter((text) => !text.startsWith('HTTP/1.1 408 ')),
      [],
    )
    // Either proxy may be the first to give it up.
    t.match(await pair.caller.line(({ path }) => path === '/up'), { status: 408 })
  }),
)

t.test('answers that nobody reads', async (t) =>
  unharmed(t, async () => {
    const before = pair.caller.rssMib + pair.server.rssMib
    let peak = 0
    const watching = setInterval(() => (peak = Math.max(peak, pair.caller.rssMib + pair.server.rssMib)), 20)
    const readers = Array.from({ length: READERS }, () => plain().on('error', () => {}))
    for (const socket of readers) socket.write('GET /large HTTP/1.1\r\nhost: a\r\n\r\n')
    // Either proxy may be the first to give one up.
    const given = (flag: string): number =>
      pair.caller.lines.filter(({ path, flags }) => path === '/large' && flags.includes(flag)).length
    await pair.caller.until(() => (given('') === READERS ? true : undefined))
    t.equal(given('SI') + given('UR'), READERS)
    clearInterval(watching)
    for (const socket of readers) socket.destroy()
    t.ok(
      peak - before < 6 * READERS,
      `of ${READERS * PIECES} MiB ${(peak - before).toFixed(0)} are kept at most, beside ${before.toFixed(0)}`,
    )
  }),
)

t.test('HTTP/2 streams without a window, at both sides', async (t) =>
  unharmed(t, async () => {
    const settings = { initialWindowSize: 0 }
    const sessions = [
      connectHttp2(`http://127.0.0.1:${pair.port('web')}`, { settings }),
      connectHttp2(`https://127.0.0.1:${pair.inner('web')}`, {
        settings,
        createConnection: () =>
          connectTls({ port: pair.inner('web'), host: '127.0.0.1', ALPNProtocols: ['h2'], ...strangerTls() }),
      }),
    ]
    for (const session of sessions) {
      session.on('error', () => {})
      const codes = await Promise.all(
        Array.from({ length: MANY }, async (_, i) => {
          // Both that end before they are sent, and that do not.
          const stream = session.request({ ':path': i % 2 === 0 ? '/small' : '/large' })
          stream.on('error', () => {})
          await new Promise((resolve) => stream.on('close', resolve))
          return stream.rstCode
        }),
      )
      t.equal(codes.filter((code) => code !== 0).length, MANY, 'each is reset')
      session.destroy()
    }
  }),
)

t.test('connections beyond the limit are closed, and those before are served', async (t) => {
  const held = await Promise.all(
    Array.from({ length: CONNECTIONS + 20 }, async () => {
      const socket = plain()
      const closed = new Promise<false>((resolve) =>
        socket.on('error', () => {}).on('close', () => resolve(false)),
      )
      socket.write('GET /held HTTP/1.1\r\nhost: a\r\n\r\n')
      return {
        socket,
        served: await Promise.race([
          closed,
          once(socket, 'data').then(
            () => true,
            () => false,
          ),
        ]),
      }
    }),
  )
  t.ok(held.filter(({ served }) => served).length >= CONNECTIONS - 20)
  t.ok(held.filter(({ served }) => !served).length >= 20)
  for (const { socket } of held) socket.destroy()
  t.match(await pair.caller.line(({ details }) => details === 'connection_limit'), { flags: 'OM' })
  // As soon as the proxy has seen that they are gone.
  const served = async (): Promise<boolean> => {
    const response = await fetch(`http://127.0.0.1:${pair.port('web')}/after`).catch(() => undefined)
    return (await response?.text()) === 'answer'
  }
  while (!(await served()));
})
