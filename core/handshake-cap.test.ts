import { EventEmitter, once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect, createServer, type ConnectionOptions, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { ManualClock } from './clock.ts'
import { capHandshakes, Handshakes, type HandshakeCap, type HandshakeSocket } from './handshake-cap.ts'
import { stalledHandshakes } from './testing/stalled-handshakes.ts'

const CAP: HandshakeCap = { total: 6, perAddress: 4, yieldMs: 1000, timeoutMs: 5000 }

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string
  readonly remotePort: number
  readableLength = 0
  destroyed = false
  begun = false

  constructor(remoteAddress: string, remotePort: number) {
    super()
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
  }

  says(bytes: number): void {
    this.readableLength = bytes
    this.emit('readable')
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.emit('close')
  }
}

function setUp() {
  const clock = new ManualClock()
  const handshakes = new Handshakes(CAP, clock)
  let port = 1
  const silent = (address: string): FakeSocket => {
    const socket = new FakeSocket(address, port++)
    handshakes.arrived(socket as unknown as HandshakeSocket, () => (socket.begun = true))
    return socket
  }
  const open = (address: string, count = 1): FakeSocket[] =>
    Array.from({ length: count }, () => {
      const socket = silent(address)
      socket.says(500)
      return socket
    })
  const finish = (socket: FakeSocket) => handshakes.finished(socket as unknown as HandshakeSocket)
  const begun = (sockets: readonly FakeSocket[]) => sockets.filter((socket) => socket.begun).length
  return { clock, handshakes, silent, open, finish, begun }
}

t.test('so many of an address and of all are at work, and addresses take turns', async (t) => {
  const { open, finish, begun, handshakes } = setUp()
  const greedy = open('a', 10)
  t.equal(begun(greedy), 4)
  const [honest] = open('b')
  t.ok(honest?.begun, 'at once')
  const third = open('c', 2)
  t.equal(begun(third), 1, 'now all places are taken')
  t.equal(handshakes.running, 6)
  // The first of the greedy address is done: c waits for less long, but it is its turn before a comes again.
  finish(greedy[0] as FakeSocket)
  t.equal(begun(greedy), 5, 'a waited first')
  finish(greedy[1] as FakeSocket)
  t.equal(begun(third), 2, 'then it was the turn of c')
  for (const socket of greedy) finish(socket)
  for (const socket of greedy) socket.destroy()
  t.equal(handshakes.running, 3)
})

t.test('who says nothing, or leaves, takes no place', async (t) => {
  const { silent, open, clock, handshakes } = setUp()
  const quiet = Array.from({ length: 100 }, () => silent('a'))
  t.equal(handshakes.running, 0)
  const [talks] = open('a')
  t.ok(talks?.begun)
  const over = silent('a')
  over.says(0)
  t.ok(over.destroyed, 'a FIN alone')
  talks?.destroy()
  t.equal(handshakes.running, 0)
  clock.advance(5000)
  t.ok(
    quiet.every((socket) => socket.destroyed),
    'they had five seconds',
  )
  t.equal(clock.pending, 0)
})

t.test('who does not finish gives way when others wait, and ends in any case', async (t) => {
  const { open, begun, clock, handshakes } = setUp()
  const stalled = [...open('a', 4), ...open('b', 2)]
  clock.advance(4000)
  t.equal(begun(stalled), 6)
  t.notOk(
    stalled.some((socket) => socket.destroyed),
    'nobody waits',
  )
  const [honest] = open('c')
  t.notOk(honest?.begun)
  clock.advance(100)
  t.ok(honest?.begun, 'in place of the oldest of the address that has most')
  t.strictSame(
    stalled.map((socket) => socket.destroyed),
    [true, false, false, false, false, false],
  )
  const own = open('a', 2)
  clock.advance(99)
  t.equal(begun(own), 0)
  clock.advance(1)
  t.ok(own[0]?.begun && stalled[1]?.destroyed, 'an address is full: its own oldest')
  clock.advance(10_000)
  t.equal(handshakes.running, 0)
  t.equal(clock.pending, 0)
})

const PSK: ConnectionOptions = {
  ciphers: 'PSK',
  maxVersion: 'TLSv1.2',
  pskCallback: () => ({ psk: Buffer.from('secret'), identity: 'a' }),
  checkServerIdentity: () => undefined,
}

async function serve(t: Test) {
  const clock = new ManualClock()
  const server = createServer({
    ciphers: 'PSK',
    maxVersion: 'TLSv1.2',
    pskCallback: () => Buffer.from('secret'),
  })
  server.on('tlsClientError', () => {})
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => {})
    socket.end('hello')
  })
  capHandshakes(server, CAP, clock)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const greet = async (localAddress: string): Promise<string> => {
    const socket = connect({ ...PSK, socket: connectTcp({ port, host: '127.0.0.1', localAddress }) })
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    return bytes.toString()
  }
  return { clock, port, greet }
}

t.test('a real server: stalled handshakes of one address keep no other waiting', async (t) => {
  const { clock, port, greet } = await serve(t)
  const stalled = await stalledHandshakes(t, { port, from: '127.0.0.2', count: 20 }, PSK)
  await stalled.untilAnswered(4)
  for (let count = 0; count < 3; count++) t.equal(await greet('127.0.0.3'), 'hello')
  t.equal(stalled.answered(), 4)
  const own = greet('127.0.0.2')
  for (const socket of stalled.sockets.slice(4)) socket.destroy()
  clock.advance(1100)
  t.equal(await own, 'hello', 'after the oldest of its address gave way')
})

t.test('a real server: what is no handshake gives its place up', async (t) => {
  const { port, greet } = await serve(t)
  for (let count = 0; count < 8; count++) {
    const socket = connectTcp({ port, host: '127.0.0.1' }).on('error', () => {})
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket.resume(), 'close')
  }
  t.equal(await greet('127.0.0.1'), 'hello')
})
