import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { DirectSocket } from './direct-socket.ts'
import { createTransport, HIGH_WATER_BYTES, SocketTransport } from './socket-transport.ts'
import type { Transport, TransportReader } from './transport.ts'

const folder = t.testdir()
execFileSync(
  'openssl',
  // oxfmt-ignore
  ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
   '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')],
  { stdio: 'ignore' },
)
const key = readFileSync(join(folder, 'key.pem'))
const cert = readFileSync(join(folder, 'cert.pem'))

/** Keeps everything it is told; `until` resolves once a condition holds. */
class Recorder implements TransportReader {
  readonly chunks: Buffer[] = []
  bytes = 0
  ended = false
  writable = 0
  closes = 0
  error: Error | undefined
  #waiting: { condition: () => boolean; done: () => void }[] = []
  onData(chunk: Buffer): void {
    this.chunks.push(Buffer.from(chunk))
    this.bytes += chunk.length
    this.#check()
  }
  onEnd(): void {
    this.ended = true
    this.#check()
  }
  onWritable(): void {
    this.writable++
    this.#check()
  }
  onClose(error: Error | undefined): void {
    this.closes++
    this.error = error
    this.#check()
  }
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((done) => this.#waiting.push({ condition, done }))
  }
  #check(): void {
    this.#waiting = this.#waiting.filter((entry) => {
      if (!entry.condition()) return true
      entry.done()
      return false
    })
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }
}

type Pair = { ours: Transport; socket: net.Socket; peer: net.Socket; recorder: Recorder; close: () => void }

async function pair(kind: 'plain' | 'tls'): Promise<Pair> {
  const server =
    kind === 'tls'
      ? tls.createServer({ key, cert, allowHalfOpen: true })
      : net.createServer({ allowHalfOpen: true })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const port = (server.address() as AddressInfo).port
  const accepted = once(server, kind === 'tls' ? 'secureConnection' : 'connection')
  const peer =
    kind === 'tls'
      ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
      : net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  peer.allowHalfOpen = true
  peer.on('error', () => {})
  await once(peer, kind === 'tls' ? 'secureConnect' : 'connect')
  const [socket] = (await accepted) as [net.Socket]
  const ours = createTransport(socket)
  const recorder = new Recorder()
  ours.reader = recorder
  const close = () => {
    ours.destroy()
    peer.destroy()
    server.close()
  }
  return { ours, socket, peer, recorder, close }
}

async function readAll(socket: net.Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let count = 0
  while (count < bytes) {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) await once(socket, 'readable')
    else {
      chunks.push(chunk)
      count += chunk.length
    }
  }
  return Buffer.concat(chunks)
}

for (const kind of ['plain', 'tls'] as const) {
  t.test(`${kind}: gathers a turn's writes into one and sends them in order`, async (t) => {
    const { ours, socket, peer, close } = await pair(kind)
    t.teardown(close)
    let writes = 0
    const write = socket.write.bind(socket) as (chunk: Uint8Array, cb: () => void) => boolean
    socket.write = ((chunk: Uint8Array, cb: () => void) => {
      writes++
      return write(chunk, cb)
    }) as typeof socket.write
    ours.write(Buffer.from('one '))
    ours.writeLatin1('tw\u00f6 ')
    const { buffer, at } = ours.reserve(6)
    buffer.write('three ', at)
    ours.commit(6)
    t.equal(writes, 0, 'nothing leaves inside the turn')
    const expected = Buffer.from('one tw\u00f6 three ', 'latin1')
    t.same(await readAll(peer, expected.length), expected)
    t.equal(writes, 1)
    t.match(ours.remote, /^127\.0\.0\.1:\d+$/)
  })

  t.test(`${kind}: buffers are not reused while the socket holds them`, async (t) => {
    const { ours, peer, recorder, close } = await pair(kind)
    t.teardown(close)
    const other = await pair(kind)
    t.teardown(other.close)
    // Far more than the kernel takes while the peer does not read; every byte is told by its place.
    const total = 12 * 1024 * 1024
    const block = Buffer.alloc(40_000)
    let sent = 0
    let stalls = 0
    let held = 0
    const junk = Buffer.alloc(16_000, 255)
    other.peer.resume()
    let received = 0
    let wrong = 0
    peer.on('data', (chunk: Buffer) => {
      for (const byte of chunk) if (byte !== received++ % 251) wrong++
    })
    peer.pause()
    while (sent < total) {
      const size = Math.min(block.length - (sent % 7919), total - sent)
      for (let i = 0; i < size; i++) block[i] = (sent + i) % 251
      ours.write(block.subarray(0, size))
      block.fill(255)
      sent += size
      if (ours.congested) {
        stalls++
        const seen = recorder.writable
        await new Promise((resolve) => setImmediate(resolve))
        await new Promise((resolve) => setImmediate(resolve))
        if (recorder.writable > seen) continue
        // The kernel is full and the socket holds our buffers; a second transport uses the pool meanwhile.
        held++
        for (let i = 0; i < 20; i++) other.ours.write(junk)
        peer.resume()
        await recorder.until(() => recorder.writable > seen)
        peer.pause()
        if (ours.congested) t.fail('still congested after onWritable')
      }
    }
    ours.end()
    const ended = once(peer, 'end')
    peer.resume()
    await ended
    t.ok(stalls > 10, `stalled ${stalls} times`)
    t.ok(held > 0, `the kernel was full ${held} times`)
    t.equal(wrong, 0)
    t.equal(received, total)
  })

  t.test(`${kind}: reads, half-closes both ways and closes once`, async (t) => {
    const { ours, peer, recorder, close } = await pair(kind)
    t.teardown(close)
    peer.end('hello')
    await recorder.until(() => recorder.ended)
    t.equal(recorder.text, 'hello')
    ours.writeLatin1('late answer')
    ours.end()
    ours.writeLatin1('ignored')
    t.equal((await readAll(peer, 11)).toString(), 'late answer')
    await recorder.until(() => recorder.closes > 0)
    t.equal(recorder.error, undefined)
    t.equal(recorder.closes, 1)
    ours.destroy()
    ours.end()
    ours.write(Buffer.from('x'))
  })

  t.test(`${kind}: pause holds the peer, resume lets it go on`, async (t) => {
    const { ours, peer, recorder, close } = await pair(kind)
    t.teardown(close)
    ours.pause()
    const size = 8 * 1024 * 1024
    const done = new Promise((resolve) => peer.write(Buffer.alloc(size, 1), resolve))
    const before = await Promise.race([done.then(() => 'sent'), new Promise((r) => setImmediate(r, 'held'))])
    t.equal(before, 'held')
    ours.resume()
    await recorder.until(() => recorder.bytes === size)
  })

  t.test(`${kind}: destroy and abort end in one onClose, nothing after`, async (t) => {
    for (const how of ['destroy', 'abort'] as const) {
      const { ours, peer, recorder, close } = await pair(kind)
      t.teardown(close)
      ours.writeLatin1('never sent')
      ours[how]()
      await recorder.until(() => recorder.closes > 0)
      if (!peer.closed) {
        peer.resume()
        if (!peer.allowHalfOpen || how === 'abort') peer.end()
        peer.destroy()
      }
      t.equal(recorder.closes, 1)
    }
  })

  t.test(`${kind}: a broken connection is told with its error`, async (t) => {
    const { peer, recorder, close } = await pair(kind)
    t.teardown(close)
    if (kind === 'plain') {
      peer.resetAndDestroy()
      await recorder.until(() => recorder.closes > 0)
      t.match(recorder.error, { code: 'ECONNRESET' })
    } else {
      peer.destroy()
      await recorder.until(() => recorder.ended || recorder.closes > 0)
    }
  })
}

/** Ours is written past its stream; the peer is in this process. */
async function directPair(t: Test) {
  const server = net.createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const accepted = once(server, 'connection')
  const socket = new DirectSocket()
  socket.connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  const [peer] = (await accepted) as [net.Socket]
  const ours = new SocketTransport(socket)
  const recorder = new Recorder()
  ours.reader = recorder
  t.teardown(() => {
    ours.destroy()
    server.close()
  })
  return { ours, peer, recorder }
}

/** Writes until the kernel refuses: the event loop has then seen neither the reset nor what came before it. */
function meetReset(ours: SocketTransport): void {
  const until = performance.now() + 5000
  while (ours.taken === ours.handed && performance.now() < until) {
    ours.write(Buffer.from('x'))
    ours.flush()
  }
}

t.test('what a peer sent before its reset is read, though a write met the reset first', async (t) => {
  const { ours, peer, recorder } = await directPair(t)
  peer.write('the answer')
  peer.resetAndDestroy()
  meetReset(ours)
  ours.write(Buffer.alloc(HIGH_WATER_BYTES + 1))
  ours.end()
  await recorder.until(() => recorder.closes > 0)
  t.equal(recorder.text, 'the answer')
  t.match(recorder.error, { code: /^(EPIPE|ECONNRESET)$/ })
  t.equal(recorder.ended, false, 'a reset is no FIN')
})

t.test('after a reset that a write has met, a pause ends it', async (t) => {
  for (const paused of [false, true]) {
    const { ours, peer, recorder } = await directPair(t)
    if (paused) ours.pause()
    peer.resetAndDestroy()
    meetReset(ours)
    ours.pause()
    await recorder.until(() => recorder.closes > 0)
    t.match(recorder.error, { code: /^(EPIPE|ECONNRESET)$/ })
  }
})

t.test('abort sends a RST', async (t) => {
  const { ours, peer, close } = await pair('plain')
  t.teardown(close)
  const failed = once(peer, 'error')
  peer.resume()
  ours.abort()
  const [error] = (await failed) as [Error]
  t.match(error, { code: 'ECONNRESET' })
})

t.test('bytes that were put back come first, also on a paused socket', async (t) => {
  const server = net.createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const peer = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  peer.write('peeked')
  await once(socket, 'readable')
  socket.pause()
  socket.unshift(socket.read() as Buffer)
  const recorder = new Recorder()
  createTransport(socket).reader = recorder
  peer.end(' then the rest')
  await recorder.until(() => recorder.ended)
  t.equal(recorder.text, 'peeked then the rest')
  peer.destroy()
  socket.destroy()
  server.close()
})

t.test('one write above the high-water mark congests and then frees', async (t) => {
  const { ours, peer, recorder, close } = await pair('plain')
  t.teardown(close)
  const size = HIGH_WATER_BYTES + 1
  ours.write(Buffer.alloc(size, 7))
  t.equal(ours.congested, true)
  const all = await readAll(peer, size)
  t.equal(all.length, size)
  await recorder.until(() => recorder.writable === 1)
  t.equal(ours.congested, false)
})

t.test('a head of any size finds room', async (t) => {
  const { ours, peer, close } = await pair('plain')
  t.teardown(close)
  const size = 100_000
  let got = ''
  peer.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')))
  ours.reader = new Recorder()
  ours.write(Buffer.from('before '))
  const { buffer, at } = ours.reserve(size)
  t.ok(buffer.length - at >= size)
  buffer.fill('h', at, at + size)
  ours.commit(size)
  ours.end()
  await once(peer, 'end')
  t.equal(got, `before ${'h'.repeat(size)}`)
})
