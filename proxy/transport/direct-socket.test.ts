import { once } from 'node:events'
import * as net from 'node:net'
import t, { type Test } from 'tap'
import { direct, DirectSocket } from './direct-socket.ts'
import { createTransport } from './socket-transport.ts'
import type { TransportReader } from './transport.ts'

/** An accepted connection as the listeners make it, and its peer. */
async function accepted(t: Test): Promise<{ socket: net.Socket; peer: net.Socket; server: net.Server }> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const arrived = once(server, 'connection') as Promise<[net.Socket]>
  const port = typeof address === 'object' && address ? address.port : 0
  const peer = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [socket] = await arrived
  const adopted = direct(socket)
  t.teardown(() => {
    adopted.destroy()
    peer.destroy()
    server.close()
  })
  return { socket: adopted, peer, server }
}

/** Keeps what comes; resolves `ended` at FIN. */
class Collector implements TransportReader {
  text = ''
  /** Kept without a copy, which no reader may do: shows whether a read went around the stream. */
  kept: Buffer | undefined
  onClose(): void {}
  onWritable(): void {}
  readonly ended: Promise<void>
  #end!: () => void
  constructor() {
    this.ended = new Promise((done) => {
      this.#end = done
    })
  }
  onData(chunk: Buffer): void {
    this.kept = chunk
    this.text += chunk.toString('latin1')
  }
  onEnd(): void {
    this.#end()
  }
}

t.test('what was peeked comes first, then what is read, each byte once', async (t) => {
  const { socket, peer } = await accepted(t)
  peer.write('first ')
  socket.resume()
  const [seen] = (await once(socket, 'data')) as [Buffer]
  socket.pause()
  socket.unshift(seen)
  peer.end('second')
  const reader = new Collector()
  createTransport(socket).reader = reader
  await reader.ended
  t.equal(reader.text, 'first second')
})

t.test('reads of all sockets share one buffer once a transport has them', async (t) => {
  const one = await accepted(t)
  const other = await accepted(t)
  const readers = [new Collector(), new Collector()] as const
  createTransport(one.socket).reader = readers[0]
  createTransport(other.socket).reader = readers[1]
  one.peer.end('aaaa')
  await readers[0].ended
  t.equal(readers[0].kept?.toString(), 'aaaa')
  other.peer.end('bbbb')
  await readers[1].ended
  t.equal(readers[1].text, 'bbbb')
  t.equal(readers[0].kept?.toString(), 'bbbb', 'which is why a chunk is valid during the call only')
})

t.test('as a stream its chunks may be kept: a relay does', async (t) => {
  const one = await accepted(t)
  const other = await accepted(t)
  const chunks: Buffer[] = []
  for (const { socket } of [one, other]) socket.on('data', (chunk: Buffer) => chunks.push(chunk)).resume()
  one.peer.write('aaaa')
  await once(one.socket, 'data')
  other.peer.write('bbbb')
  await once(other.socket, 'data')
  t.same(chunks.map(String), ['aaaa', 'bbbb'])
})

t.test('a paused transport reads nothing, and all of it when it goes on', async (t) => {
  const { socket, peer } = await accepted(t)
  const reader = new Collector()
  const transport = createTransport(socket)
  transport.reader = reader
  peer.write('x')
  while (reader.text === '') await new Promise(setImmediate)
  transport.pause()
  const size = 8 * 1024 * 1024
  peer.end(Buffer.alloc(size, 'y'))
  // Loop turns in which the kernel has more for it than any buffer of ours holds.
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
  t.equal(reader.text, 'x')
  transport.resume()
  await reader.ended
  t.equal(reader.text.length, size + 1)
})

t.test('its server counts an adopted connection no more, and the peer keeps it', async (t) => {
  const { socket, peer, server } = await accepted(t)
  const count = await new Promise((done) => {
    server.getConnections((_error, connections) => done(connections))
  })
  t.equal(count, 0)
  t.equal(socket.remotePort, peer.localPort)
  socket.write('hello')
  t.equal(String(await once(peer, 'data')), 'hello')
})

t.test('a reset is told as an error, and a connection that has gone stays as it is', async (t) => {
  const { socket, peer } = await accepted(t)
  const closed = new Promise<Error | undefined>((done) => {
    const reader = new Collector()
    reader.onClose = (error?: Error) => done(error)
    createTransport(socket).reader = reader
  })
  peer.resetAndDestroy()
  t.match(await closed, { code: 'ECONNRESET' })
  t.notOk(direct(new net.Socket()) instanceof DirectSocket)
})
