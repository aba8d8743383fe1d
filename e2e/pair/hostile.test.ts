import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import * as frame from '../../proxy/http2/frame.ts'
import { strangerTls } from './testing/bootstrap.ts'
import { goodClient } from './testing/good-client.ts'
import { portOf, startPair, type Pair } from './testing/pair.ts'

// HTTP/2 peers in bad faith, at the plaintext and at the mTLS side: each loses its own connection, with a GOAWAY that
// says why, while a client in good faith is served and memory stays bounded. WEFT_LONG=1: a million honest cancels.

const CANCELS = process.env['WEFT_LONG'] ? 1_000_000 : 2000
const ENHANCE_YOUR_CALM = 11
const PROTOCOL_ERROR = 1
let pair: Pair

t.before(async () => {
  const app = createServer((message, response) => {
    message.resume()
    if (message.url !== '/slow') return void response.end('answer')
    response.write('begun')
    response.on('close', () => response.end())
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => {
    app.close()
    app.closeAllConnections()
  })
  pair = await startPair(t, [{ name: 'web', kind: 'http', app: portOf(app), appProtocol: 'http1' }], {
    flags: ['--access-log', 'failed'],
  })
})

/** One frame; `payload` as bytes. */
function bytesOf(
  type: number,
  flags: number,
  streamId: number,
  payload: readonly number[] | Buffer = [],
): Buffer {
  const head = Buffer.alloc(9)
  frame.writeFrameHeader(head, 0, payload.length, type, flags, streamId)
  return Buffer.concat([head, Buffer.from(payload)])
}

// GET / of authority `a` (RFC 7541 appendix A; the authority as a literal that is not indexed).
const GET = [0x82, 0x86, 0x84, 0x01, 0x01, 0x61]
const FRAGMENT = Buffer.alloc(16_000, 0x00)
const WHOLE = frame.END_HEADERS | frame.END_STREAM
const ping = bytesOf(frame.PING, 0, 0, Buffer.alloc(8))
const settings = bytesOf(frame.SETTINGS, 0, 0)

interface Attack {
  readonly what: string
  /** What follows the greeting, again and again until the connection is over. */
  readonly next: (i: number) => Buffer
  readonly code: number
  /** The attacker takes no answer. */
  readonly deaf?: boolean
}

const table = (size: number): Buffer =>
  Buffer.concat([Buffer.from([0x40, 0x01, 0x78, 0x7f, ...lengthOf(size - 127)]), Buffer.alloc(size, 0x79)])

/** The rest of an HPACK integer (RFC 7541 section 5.1). */
function lengthOf(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...lengthOf(value >>> 7)]
}

const ATTACKS: readonly Attack[] = [
  {
    what: 'streams that are reset as soon as they are opened (CVE-2023-44487)',
    next: (i) =>
      Buffer.concat([
        bytesOf(frame.HEADERS, WHOLE, 2 * i + 1, GET),
        bytesOf(frame.RST_STREAM, 0, 2 * i + 1, [0, 0, 0, 8]),
      ]),
    code: ENHANCE_YOUR_CALM,
  },
  {
    what: 'CONTINUATION without end (CVE-2024-27983)',
    next: (i) =>
      i === 0
        ? bytesOf(frame.HEADERS, frame.END_STREAM, 1, GET)
        : bytesOf(frame.CONTINUATION, 0, 1, FRAGMENT),
    code: ENHANCE_YOUR_CALM,
  },
  { what: 'PING', next: () => ping, code: ENHANCE_YOUR_CALM },
  {
    what: 'PING, and no answer is read (CVE-2019-9512)',
    next: () => ping,
    code: ENHANCE_YOUR_CALM,
    deaf: true,
  },
  { what: 'SETTINGS (CVE-2019-9515)', next: () => settings, code: ENHANCE_YOUR_CALM },
  {
    what: 'empty DATA (CVE-2019-9518)',
    next: (i) => (i === 0 ? bytesOf(frame.HEADERS, frame.END_HEADERS, 1, GET) : bytesOf(frame.DATA, 0, 1)),
    code: ENHANCE_YOUR_CALM,
  },
  {
    what: 'WINDOW_UPDATE of 0 (CVE-2026-21710)',
    next: () => bytesOf(frame.WINDOW_UPDATE, 0, 0, [0, 0, 0, 0]),
    code: PROTOCOL_ERROR,
  },
  {
    what: 'fields that unpack to megabytes (CVE-2016-6581)',
    next: (i) =>
      i === 0
        ? bytesOf(frame.HEADERS, WHOLE, 1, Buffer.concat([Buffer.from(GET), table(3900)]))
        : // The entry of the dynamic table, 16,000 times.
          bytesOf(
            frame.HEADERS,
            WHOLE,
            2 * i + 1,
            Buffer.concat([Buffer.from(GET), Buffer.alloc(16_000, 0xbe)]),
          ),
    code: ENHANCE_YOUR_CALM,
  },
]

/** Plays it until the proxy ends the connection; the code of its GOAWAY, where one was read. */
async function play(socket: Socket, attack: Attack): Promise<number | undefined> {
  let received = Buffer.alloc(0)
  const state = { over: false }
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      state.over = true
      resolve()
    })
  })
  if (!attack.deaf)
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received.subarray(-64 * 1024), chunk])
    })
  socket.on('end', () => (state.over = true))
  socket.write(Buffer.concat([frame.PREFACE, settings]))
  for (let i = 0; !state.over;) {
    const batch: Buffer[] = []
    for (let n = 0; n < 200; n++) batch.push(attack.next(i++))
    if (!socket.write(Buffer.concat(batch)))
      await Promise.race([closed, new Promise((resolve) => socket.once('drain', resolve))])
    else await new Promise((resolve) => setImmediate(resolve))
  }
  await closed
  return goawayIn(received)
}

function goawayIn(bytes: Buffer): number | undefined {
  // Its type, no flags, stream 0, any last stream: what is kept may begin inside a frame.
  for (let at = bytes.length - 17; at >= 0; at--)
    if (bytes[at + 3] === frame.GOAWAY && bytes[at + 4] === 0 && bytes.readUInt32BE(at + 5) === 0)
      return bytes.readUInt32BE(at + 13)
  return undefined
}

async function unharmed(t: Test, attack: () => Promise<void>): Promise<void> {
  const good = goodClient(pair.port('web'))
  await attack()
  const { asked, slowestMs, wrong } = await good.stop()
  t.same(wrong, [], `${asked} requests in good faith, the slowest took ${slowestMs.toFixed(0)} ms`)
}

for (const side of ['plaintext', 'mTLS'] as const)
  t.test(`floods and bombs, ${side}`, async (t) => {
    const before = pair.caller.rssMib + pair.server.rssMib
    // What a peer that reads nothing is owed is the same at both sides, and takes the longest.
    for (const attack of ATTACKS.filter(({ deaf }) => !deaf || side === 'plaintext'))
      await unharmed(t, async () => {
        const socket =
          side === 'plaintext'
            ? connect({ port: pair.port('web'), host: '127.0.0.1' })
            : connectTls({
                port: pair.inner('web'),
                host: '127.0.0.1',
                ALPNProtocols: ['h2'],
                ...strangerTls(),
              })
        const code = await play(socket, attack)
        // A RST may take the GOAWAY from whoever goes on sending.
        if (code !== undefined) t.equal(code, attack.code, attack.what)
        else t.pass(`${attack.what}: the connection is closed`)
      })
    const after = pair.caller.rssMib + pair.server.rssMib
    t.ok(after - before < 150, `${before.toFixed(0)} MiB, ${(after - before).toFixed(0)} more afterwards`)
  })

t.test('a field named __proto__ is a field', async (t) => {
  const session = connectHttp2(`http://127.0.0.1:${pair.port('web')}`)
  const stream = session.request({ ':path': '/', ['__proto__']: undefined, 'x-__proto__': '1' })
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
  t.equal(headers[':status'], 200)
  stream.resume()
  await once(stream, 'close')
  session.close()
})

t.test(`${CANCELS} streams that are honestly cancelled (WEFT_LONG=1: a million)`, async (t) =>
  unharmed(t, async () => {
    const session = connectHttp2(`http://127.0.0.1:${pair.port('web')}`)
    session.on('error', () => {})
    let left = CANCELS
    let cancelled = 0
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        while (left-- > 0 && !session.closed) {
          const stream = session.request({ ':path': '/slow' })
          stream.on('error', () => {})
          await Promise.race([once(stream, 'data'), once(stream, 'close')])
          stream.close(8)
          if (!stream.closed) await once(stream, 'close')
          cancelled++
        }
      }),
    )
    t.equal(cancelled, CANCELS)
    t.notOk(session.closed, 'its connection is as good as before')
    const stream = session.request({ ':path': '/' })
    t.match(await once(stream, 'response'), [{ ':status': 200 }])
    stream.resume()
    session.destroy()
  }),
)
