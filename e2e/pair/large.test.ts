import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer as createHttp2Server, type Http2ServerRequest } from 'node:http2'
import { Readable, Writable, type Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import t, { type Test } from 'tap'
import { portOf, startPair, type Pair } from './testing/pair.ts'

// Bodies far beyond any window or buffer, both ways, in HTTP/1.1 and HTTP/2.

const MIB = 1024 * 1024
const BYTES = 100 * MIB
/** The most that the kernel lets a socket's buffer grow to, by tcp(7). */
const socketBuffer = (name: string): number =>
  Number(readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').split('\t')[2])
// What both proxies and their three connections may hold of a body that nobody reads.
const HELD = 16 * MIB + 3 * (socketBuffer('tcp_rmem') + socketBuffer('tcp_wmem'))
// Such a body: well beyond that, in whole blocks.
const STALLED = (Math.ceil(HELD / MIB) + 64) * MIB
// Each proxy: its buffers, and garbage until it is collected.
const GROWTH_KIB = 80 * 1024
const BLOCK = randomBytes(MIB)

/** What a body is known by. */
interface Sum {
  readonly bytes: number
  readonly crc: number
}

const add = ({ bytes, crc }: Sum, chunk: Buffer): Sum => ({
  bytes: bytes + chunk.length,
  crc: crc32(chunk, crc),
})
const NOTHING: Sum = { bytes: 0, crc: 0 }

function expected(bytes: number): string {
  let sum = NOTHING
  while (sum.bytes < bytes) sum = add(sum, BLOCK)
  return JSON.stringify(sum)
}

let pair: Pair
/** Bytes that the server could write of the answer `/stalled`. */
let written = 0
/** Hears of an upload to `/unread`, and how to begin to read it. */
let asked: (take: () => void) => void

/** A body; `progress` hears how many bytes were asked for. */
function source(length: number, progress: (bytes: number) => void = () => {}): Readable {
  let sent = 0
  return new Readable({
    read() {
      progress((sent += MIB))
      this.push(sent > length ? null : BLOCK)
    },
  })
}

async function digest(from: Readable): Promise<string> {
  let sum = NOTHING
  const write = (chunk: Buffer, _encoding: string, done: () => void): void => {
    sum = add(sum, chunk)
    done()
  }
  await pipeline(from, new Writable({ write }))
  return JSON.stringify(sum)
}

function answer(path: string, message: Readable, response: Writable): void {
  const take = (): void => void digest(message).then((sum) => response.end(sum))
  if (path === '/down') source(BYTES).pipe(response)
  else if (path === '/stalled') source(STALLED, (bytes) => (written = bytes)).pipe(response)
  else if (path === '/up') take()
  else asked(take)
}

t.before(async () => {
  const web = createServer((message: IncomingMessage, response: ServerResponse) =>
    answer(message.url ?? '', message, response),
  )
  const web2 = createHttp2Server((message: Http2ServerRequest, response) =>
    answer(message.url, message, response as unknown as Writable),
  )
  for (const server of [web, web2]) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
  }
  pair = await startPair(t, [
    { name: 'http1', kind: 'http', app: portOf(web), route: { timeout: '0s' } },
    { name: 'http2', kind: 'http', app: portOf(web2), route: { timeout: '0s' } },
  ])
})

/** A request whose body is written to `up` and whose answer comes from `down`. */
interface Sent {
  readonly up: Writable
  readonly down: Promise<Readable>
  close(): void
}

function send(name: string, path: string, method: 'GET' | 'POST'): Sent {
  const port = pair.port(name)
  if (name === 'http1') {
    const outgoing = request({ port, host: '127.0.0.1', path, method, agent: false })
    return {
      up: outgoing,
      down: once(outgoing, 'response').then(([message]) => message as Readable),
      close: () => void outgoing.destroy(),
    }
  }
  const session = connect(`http://127.0.0.1:${port}`)
  const stream: Duplex = session.request({ ':path': path, ':method': method }, { endStream: false })
  return { up: stream, down: Promise.resolve(stream), close: () => session.destroy() }
}

async function grownBy(during: () => Promise<void>): Promise<number[]> {
  const proxies = [pair.caller, pair.server]
  const before = proxies.map((proxy) => proxy.memoryKib('now'))
  await during()
  return proxies.map((proxy, i) => proxy.memoryKib('peak') - (before[i] as number))
}

/** Resolves once `count` has stood still for as long as a proxy that had room would never wait. */
async function settled(count: () => number): Promise<number> {
  for (let last = -1, still = 0; ;) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    still = count() === last ? still + 1 : 0
    if (still >= 6 && last > 0) return last
    last = count()
  }
}

function bounded(t: Test, grown: number[]): void {
  for (const [i, kib] of grown.entries())
    t.ok(kib < GROWTH_KIB, `the ${i === 0 ? 'caller' : 'server'}'s proxy grew by ${kib} KiB`)
}

for (const name of ['http1', 'http2']) {
  t.test(`${name}: 100 MiB down and up`, async (t) => {
    const grown = await grownBy(async () => {
      const down = send(name, '/down', 'GET')
      down.up.end()
      t.equal(await digest(await down.down), expected(BYTES), 'down')
      down.close()
      const up = send(name, '/up', 'POST')
      source(BYTES).pipe(up.up)
      let said = ''
      for await (const chunk of await up.down) said += String(chunk)
      t.equal(said, expected(BYTES), 'up')
      up.close()
    })
    bounded(t, grown)
  })

  t.test(`${name}: a reader that stops holds the writer back, both ways`, async (t) => {
    const grown = await grownBy(async () => {
      written = 0
      const stalled = send(name, '/stalled', 'GET')
      stalled.up.end()
      const body = await stalled.down
      const held = await settled(() => written)
      t.ok(held < HELD, `${held} bytes were taken of an answer that nobody reads`)
      t.equal(await digest(body), expected(STALLED), 'and it is whole once it is read')
      stalled.close()

      const arrived = new Promise<() => void>((resolve) => (asked = resolve))
      let sent = 0
      const unread = send(name, '/unread', 'POST')
      source(STALLED, (bytes) => (sent = bytes)).pipe(unread.up)
      const take = await arrived
      const taken = await settled(() => sent)
      t.ok(taken < HELD, `${taken} bytes were taken of an upload that nobody reads`)
      take()
      let said = ''
      for await (const chunk of await unread.down) said += String(chunk)
      t.equal(said, expected(STALLED), 'and it is whole once it is read')
      unread.close()
    })
    bounded(t, grown)
  })
}
