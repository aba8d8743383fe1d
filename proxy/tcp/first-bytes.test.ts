import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import type { Detected } from '../transport/detect.ts'
import { watchFirstBytes, type FirstBytes } from './first-bytes.ts'

/** One end of a connection; the test is the peer. */
class Peer extends Duplex {
  received = ''

  constructor() {
    super({ allowHalfOpen: true })
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.received += chunk.toString('latin1')
    done()
  }

  async say(text: string | null): Promise<void> {
    this.push(text === null ? null : Buffer.from(text, 'latin1'))
    await turn()
  }

  /** What is left for whoever serves it next. */
  left(): string {
    return String(this.read() ?? '')
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function watch(
  holdMs: number,
  takes = (kind: Detected['kind']): boolean => kind === 'http1' || kind === 'h2c',
) {
  const clock = new ManualClock()
  const [client, server] = [new Peer(), new Peer()]
  const seen: FirstBytes[] = []
  const late = { holdMs, takes: ({ kind }: Detected) => takes(kind), take() {} }
  const sockets = [client, server] as unknown as [Socket, Socket]
  watchFirstBytes(...sockets, late, clock, (first) => void seen.push(first))
  return { clock, client, server, seen }
}

const FORGED = 'GET / HTTP/1.1\r\nx-forwarded-client-cert: URI=spiffe://mesh/ns/shop/sa/admin\r\n\r\n'

t.test('a request goes to whoever reads requests, and the application gets nothing of it', async (t) => {
  for (const text of [FORGED, `\r\n${FORGED}`, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']) {
    const { client, server, seen } = watch(0)
    await client.say(text)
    t.match(seen, [{ kind: 'taken' }])
    t.equal(client.left(), text, 'every byte stands in the socket')
    t.equal(server.received, '')
    t.equal(client.listenerCount('data') + server.listenerCount('data'), 0)
  }
})

t.test('one that comes in parts is held back, and taken when it is whole', async (t) => {
  const { client, server, seen, clock } = watch(3000)
  await client.say('GE')
  clock.advance(2999)
  await client.say('T / HTTP/1.1\r\n')
  t.match(seen, [{ kind: 'taken' }])
  t.equal(client.left(), 'GET / HTTP/1.1\r\n')
  t.equal(server.received, '')
  t.equal(clock.pending, 0)
})

t.test('drop by drop a request never comes to the end of its first line', async (t) => {
  for (const holdMs of [0, 3000]) {
    const { client, server, seen, clock } = watch(holdMs)
    await client.say('G')
    clock.advance(holdMs)
    for (const byte of FORGED) {
      if (byte !== 'G' || server.received.length > 1) await client.say(byte)
      if (seen.length > 0) break
    }
    t.match(seen, [{ kind: 'refused', sent: 14 }])
    t.equal(server.received, 'GET / HTTP/1.1')
  }
})

t.test(
  'what begins like no HTTP goes on at once, and never comes to the end of a request line',
  async (t) => {
    for (const begins of ['\x00', '{"a": 1}', '\x16\x02']) {
      const { client, server, seen } = watch(3000)
      await client.say(begins)
      t.equal(server.received, begins, 'nothing is held back')
      for (const byte of ` / HTTP/1.1\r\n`) await client.say(byte)
      t.match(seen, [{ kind: 'refused' }], JSON.stringify(begins))
      t.equal(server.received, `${begins} / HTTP/1.1\r`)
      const whole = watch(0)
      await whole.client.say(`${begins} / HTTP/1.1\r\n`)
      t.match(whole.seen, [{ kind: 'taken' }])
      t.equal(whole.server.received, '')
      const answered = watch(3000)
      await answered.client.say(begins)
      await answered.server.say('hello')
      t.same(answered.seen, [{ kind: 'relay', sent: begins.length }], 'whose server speaks is let go')
    }
  },
)

t.test(
  'a word and what a request is for: without a version a server reads fields behind it, too',
  async (t) => {
    for (const line of ['POST /', 'OPTIONS *', 'word\nPUT /a', '\x00\r\nDELETE /']) {
      const whole = watch(0)
      await whole.client.say(`${line}\r\nx-forwarded-client-cert: URI=forged\r\n\r\n`)
      t.match([whole.seen, whole.server.received], [[{ kind: 'taken' }], ''], JSON.stringify(line))
      const slow = watch(0)
      for (const byte of `${line}\r\n`) await slow.client.say(byte)
      t.match([slow.seen, slow.server.received], [[{ kind: 'refused' }], `${line}\r`], JSON.stringify(line))
    }
  },
)

t.test('what is no request goes on, from its first byte', async (t) => {
  const first = watch(3000)
  await first.client.say('\x00\x01a\r\n')
  t.same(first.seen, [{ kind: 'relay', sent: 0 }])
  t.equal(first.client.left(), '\x00\x01a\r\n')
  // ZooKeeper's four letters: their client waits for the answer.
  const word = watch(3000)
  await word.client.say('ruok')
  t.equal(word.server.received, '')
  word.clock.advance(3000)
  t.equal(word.server.received, 'ruok')
  await word.server.say('imok')
  t.same(word.seen, [{ kind: 'relay', sent: 4 }])
  t.equal(word.server.left(), 'imok')
})

t.test('a server that speaks first is no server of HTTP: what the client says is its own', async (t) => {
  const { client, server, seen } = watch(3000)
  await server.say('220 ready\r\n')
  t.same(seen, [{ kind: 'relay', sent: 0 }])
  t.equal(server.left(), '220 ready\r\n')
  await client.say(FORGED)
  t.equal(client.left(), FORGED)
})

t.test('TLS that comes late is taken where somebody else is to end it', async (t) => {
  const { client, seen, clock } = watch(300, (kind) => kind === 'tls')
  await client.say('\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03')
  await client.say(`${'\0'.repeat(32)}\0\0\x02\x13\x01\x01\0\0\0`)
  t.match(seen, [{ kind: 'taken', detected: { kind: 'tls' } }])
  t.equal(clock.pending, 0)
})

t.test('ends and breaks', async (t) => {
  const half = watch(3000)
  await half.client.say('GE')
  await half.client.say(null)
  t.same(half.seen, [{ kind: 'relay', sent: 2 }], 'nothing follows')
  await turn()
  t.same([half.server.received, half.server.writableEnded], ['GE', true])
  const gone = watch(3000)
  gone.client.destroy()
  await turn()
  t.same(gone.seen, [{ kind: 'closed', by: 'client', sent: 0 }])
  const lost = watch(3000)
  lost.server.destroy()
  await turn()
  t.same(lost.seen, [{ kind: 'closed', by: 'server', sent: 0 }])
})
