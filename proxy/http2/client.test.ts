import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import type { RequestHead } from '../http/message.ts'
import type { ClientConnection } from '../http/stream.ts'
import { connectHttp2 } from './client.ts'
import * as frame from './frame.ts'
import { LINK_KEEP_ALIVE, type Http2Options } from './options.ts'
import { encodeSettings, ENABLE_CONNECT_PROTOCOL, MAX_CONCURRENT_STREAMS } from './settings.ts'
import { MemoryWire } from './testing/memory-wire.ts'
import { RawPeer } from './testing/raw-peer.ts'
import { Recorder } from './testing/recorder.ts'

interface Rig {
  wire: MemoryWire
  peer: RawPeer
  client: ClientConnection
  changes: () => number
  run: () => string[]
}

function rig(settings: number[] = [], options: Http2Options = {}): Rig {
  const wire = new MemoryWire()
  let changes = 0
  const client = connectHttp2(wire.left, { onChange: () => void changes++ }, options)
  // The raw server reads the preface as what it is not: skip it.
  const preface = wire.left.take()
  const peer = new RawPeer(wire.right)
  peer.transport.reader.onData(preface.subarray(frame.PREFACE.length))
  peer.frame(frame.SETTINGS, 0, 0, encodeSettings(settings))
  peer.frame(frame.SETTINGS, frame.ACK, 0)
  const run = (): string[] => {
    wire.run()
    return peer.take()
  }
  run()
  return { wire, peer, client, changes: () => changes, run }
}

const GET: RequestHead = {
  method: 'GET',
  scheme: 'https',
  authority: 'a.test',
  path: '/x',
  fields: [],
  upgrade: '',
}
const SENT = ':method=GET :scheme=https :authority=a.test :path=/x'

t.test('a request and its answer', async (t) => {
  const { client, peer, run } = rig()
  const reader = new Recorder()
  const stream = client.open({ ...GET, method: 'PUT', fields: ['a', '1'] }, false, reader)
  t.equal(stream.data(Buffer.from('abc')), true)
  stream.end(['t', '2'])
  t.strictSame(run(), [
    'HEADERS@1 :method=PUT :scheme=https :authority=a.test :path=/x a=1',
    'DATA@1 3',
    'HEADERS@1 end t=2',
  ])
  t.equal(stream.answered, false)
  peer.headers(1, [':status', '103', 'link', 'x'], false)
  peer.headers(1, [':status', '200', 'content-length', '2'], false)
  peer.frame(frame.DATA, 0, 1, 'ok')
  peer.headers(1, ['grpc-status', '0'])
  run()
  t.strictSame(reader.events, ['informational 103', 'head 200', 'end'])
  t.strictSame(reader.head, { status: 200, fields: ['content-length', '2'], spelling: undefined })
  t.strictSame(reader.trailers, ['grpc-status', '0'])
  t.equal(reader.text, 'ok')
  t.equal(stream.answered, true)
  t.equal(client.active, 0)
  t.equal(client.carried, 1)
})

t.test('malformed answers are stream errors', async (t) => {
  const { client, peer, run } = rig()
  const cases: [what: string, play: (id: number) => void][] = [
    ['no status', (id) => peer.headers(id, ['a', '1'])],
    ['a bad status', (id) => peer.headers(id, [':status', '20'])],
    ['101', (id) => peer.headers(id, [':status', '101'], false)],
    ['request fields', (id) => peer.headers(id, [':status', '200', ':path', '/'])],
    ['1xx that ends', (id) => peer.headers(id, [':status', '100'])],
    ['DATA before the head', (id) => peer.frame(frame.DATA, 0, id, 'a')],
    ['less than content-length', (id) => peer.headers(id, [':status', '200', 'content-length', '1'])],
    ['an upper-case name', (id) => peer.headers(id, [':status', '200', 'A', '1'])],
  ]
  for (const [i, [what, play]] of cases.entries()) {
    const reader = new Recorder()
    client.open(GET, true, reader)
    play(i * 2 + 1)
    t.match(run(), [/^HEADERS/, `RST_STREAM@${i * 2 + 1} 1`], what)
    t.equal(reader.reset, 'protocol', what)
  }
  t.equal(client.closed, false)
})

t.test('HEAD and 304 may tell a length', async (t) => {
  const { client, peer, run } = rig()
  const head = new Recorder()
  client.open({ ...GET, method: 'HEAD' }, true, head)
  const unchanged = new Recorder()
  client.open(GET, true, unchanged)
  peer.headers(1, [':status', '200', 'content-length', '10'])
  peer.headers(3, [':status', '304', 'content-length', '10'])
  run()
  t.strictSame(head.events, ['head 200 end'])
  t.strictSame(unchanged.events, ['head 304 end'])
  const wrong = new Recorder()
  client.open({ ...GET, method: 'HEAD' }, true, wrong)
  peer.headers(5, [':status', '200', 'content-length', '10'], false)
  peer.frame(frame.DATA, frame.END_STREAM, 5, '0123456789')
  run()
  t.equal(wrong.reset, 'protocol')
})

t.test('an upgrade is an extended CONNECT', async (t) => {
  const { client, peer, run } = rig([ENABLE_CONNECT_PROTOCOL, 1])
  const reader = new Recorder()
  const stream = client.open(
    { ...GET, upgrade: 'websocket', fields: ['sec-websocket-version', '13'] },
    false,
    reader,
  )
  t.strictSame(run(), [
    'HEADERS@1 :method=CONNECT :protocol=websocket :scheme=https :authority=a.test :path=/x sec-websocket-version=13',
  ])
  peer.headers(1, [':status', '200'], false)
  peer.frame(frame.DATA, 0, 1, 'frame')
  run()
  t.strictSame(reader.events, ['head 101'])
  t.equal(reader.text, 'frame')
  stream.data(Buffer.from('up'))
  t.strictSame(run(), ['DATA@1 2'])

  const plain = rig()
  const refused = new Recorder()
  plain.client.open({ ...GET, upgrade: 'websocket' }, false, refused)
  await new Promise(setImmediate)
  t.equal(refused.reset, 'protocol', 'the server never offered it')
  plain.client.open({ ...GET, method: 'CONNECT', path: '' }, false, new Recorder())
  t.strictSame(plain.run(), ['HEADERS@1 :method=CONNECT :authority=a.test'])
})

t.test('free follows the limits', async (t) => {
  const { client, peer, run, changes } = rig([MAX_CONCURRENT_STREAMS, 2])
  t.equal(client.free, 2)
  const readers = [new Recorder(), new Recorder(), new Recorder()]
  for (const reader of readers) client.open(GET, true, reader)
  t.equal(client.free, 0)
  t.match(run(), [/^HEADERS@1/, /^HEADERS@3/])
  await new Promise(setImmediate)
  t.equal(readers[2]?.reset, 'refused')
  const before = changes()
  peer.headers(1, [':status', '200'])
  run()
  t.equal(client.free, 1)
  t.ok(changes() > before)
  t.equal(rig([], { maxConcurrentStreams: 7 }).client.free, 7)
})

t.test('GOAWAY: what it did not reach is refused, the rest is finished', async (t) => {
  const { client, peer, run, wire, changes } = rig()
  const readers = [new Recorder(), new Recorder(), new Recorder()]
  for (const reader of readers) client.open(GET, true, reader)
  run()
  peer.frame(frame.GOAWAY, 0, 0, Buffer.from([0x7f, 255, 255, 255, 0, 0, 0, 0]))
  run()
  t.equal(client.closed, true)
  t.equal(client.free, 0)
  t.equal(client.active, 3)
  peer.frame(frame.GOAWAY, 0, 0, Buffer.from([0, 0, 0, 3, 0, 0, 0, 0]))
  run()
  t.strictSame(
    readers.map((reader) => reader.reset),
    [undefined, undefined, 'refused'],
  )
  const late = new Recorder()
  client.open(GET, true, late).reset('cancel')
  peer.headers(1, [':status', '200'])
  peer.headers(3, [':status', '200'])
  t.strictSame(run(), ['GOAWAY last 0 code 0'])
  t.equal(peer.ended, true)
  t.strictSame(readers[1]?.events, ['head 200 end'])
  await new Promise(setImmediate)
  t.strictSame(late.events, [], 'a reset stream says nothing')
  const before = changes()
  wire.right.destroy()
  run()
  t.ok(changes() > before)
})

t.test('drain ends an idle connection', async (t) => {
  const { client, run, peer } = rig()
  client.drain()
  t.strictSame(run(), ['GOAWAY last 0 code 0'])
  t.equal(peer.ended, true)
  t.equal(client.closed, true)
})

t.test('resets both ways', async (t) => {
  const { client, peer, run } = rig()
  const reader = new Recorder()
  const stream = client.open(GET, true, reader)
  stream.reset('cancel')
  stream.reset('cancel')
  t.strictSame(run(), [`HEADERS@1 ${'end '}${SENT}`, 'RST_STREAM@1 8'])
  peer.headers(1, [':status', '200'], false)
  peer.frame(frame.DATA, frame.END_STREAM, 1, 'late')
  t.strictSame(run(), [], 'what was on its way is ignored')
  t.strictSame(reader.events, [])
  const other = new Recorder()
  client.open(GET, false, other)
  peer.number(frame.RST_STREAM, 3, 7)
  run()
  t.equal(other.reset, 'refused')
  t.equal(client.active, 0)
})

t.test('an early answer and NO_ERROR end an upload', async (t) => {
  const { client, peer, run } = rig()
  const reader = new Recorder()
  client.open(GET, false, reader)
  peer.headers(1, [':status', '413'])
  peer.number(frame.RST_STREAM, 1, 0)
  run()
  t.strictSame(reader.events, ['head 413 end', 'reset cancel'])
})

t.test('a broken or lost connection resets its streams', async (t) => {
  for (const [play, reason] of [
    [(r: Rig) => r.peer.frame(frame.PUSH_PROMISE, 4, 1, '\0\0\0\x02'), 'protocol'],
    [(r: Rig) => r.peer.headers(9, [':status', '200']), 'protocol'],
    [(r: Rig) => r.wire.right.end(), 'connection'],
    [(r: Rig) => r.wire.right.destroy(), 'connection'],
    [(r: Rig) => r.client.destroy(), 'connection'],
  ] as const) {
    const it = rig()
    const reader = new Recorder()
    it.client.open(GET, true, reader)
    it.run()
    play(it)
    it.run()
    t.equal(reader.reset, reason)
    t.equal(it.client.closed, true)
    t.equal(it.client.active, 0)
  }
})

t.test('a head beyond 16 KiB is continued', async (t) => {
  const { client, wire, peer } = rig()
  client.open({ ...GET, fields: ['x', 'v'.repeat(40_000)] }, true, new Recorder())
  const bytes = wire.left.take()
  const seen: string[] = []
  for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    seen.push(`${bytes[at + 3]}:${bytes[at + 4]}`)
  t.strictSame(seen, ['1:1', '9:0', '9:4'])
  t.equal(peer.ended, false)
})

t.test(
  'a peer that owes the answer to a PING gets nothing new, who waits for it hears so, and then it ends',
  async (t) => {
    const clock = new ManualClock()
    const { client, peer, run, wire, changes } = rig([], { clock, keepAlive: LINK_KEEP_ALIVE })
    const [answered, waits] = [new Recorder(), new Recorder()]
    client.open(GET, true, answered)
    client.open(GET, true, waits)
    peer.headers(1, [':status', '200'], false)
    run()
    clock.advance(1000)
    t.strictSame(run(), ['PING'])
    clock.advance(1249)
    t.ok(client.free > 0)
    const before = changes()
    clock.advance(1)
    t.equal(client.free, 0)
    t.equal(changes(), before + 1)
    t.strictSame([answered.events.at(-1), waits.events.at(-1)], ['head 200', 'silent'])
    peer.frame(frame.PING, frame.ACK, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]))
    run()
    t.ok(client.free > 0, 'it was only slow')
    t.equal(changes(), before + 2)
    clock.advance(6000)
    t.equal(wire.left.closed, true)
    t.strictSame([answered.reset, waits.reset], ['connection', 'connection'])
  },
)

t.test('a client with nothing to do goes after its idle timeout, and not before', async (t) => {
  const clock = new ManualClock()
  const { client, peer, run } = rig([], { idleTimeoutMs: 1000, clock })
  client.open(GET, true, new Recorder())
  run()
  clock.advance(4000)
  t.equal(client.closed, false, 'a request runs')
  peer.headers(1, [':status', '204'], true)
  run()
  clock.advance(999)
  t.equal(client.closed, false)
  clock.advance(1)
  t.equal(client.closed, true)
  t.match(run(), [/^GOAWAY/])
})

t.test('NO_ERROR behind an answer that is held back loses nothing of it', async (t) => {
  const { client, peer, run } = rig()
  const reader = new Recorder()
  const stream = client.open({ ...GET, method: 'POST' }, false, reader)
  for (let sent = 0; sent < 100_000; sent += 10_000) stream.data(Buffer.alloc(10_000))
  stream.pause()
  run()
  peer.headers(1, [':status', '413'], false)
  peer.frame(frame.DATA, frame.END_STREAM, 1, 'no more')
  peer.number(frame.RST_STREAM, 1, 0)
  run()
  t.equal(client.active, 0)
  t.equal(stream.data(Buffer.from('more')), true, 'dropped')
  stream.resume()
  t.strictSame([...reader.events, reader.text], ['head 413', 'end', 'no more'])
})

t.test('what a server told on an earlier connection is what a new one begins with', async (t) => {
  const { client, run } = rig([MAX_CONCURRENT_STREAMS, 1])
  t.equal(client.streamsTold, 1)
  const later = connectHttp2(new MemoryWire().left, { onChange() {} }, { assumedStreams: 1 })
  t.equal(later.streamsTold, undefined)
  t.equal(later.free, 1)
  t.equal(later.open(GET, true, new Recorder()).early, true)
  t.equal(client.open(GET, true, new Recorder()).early, false)
  run()
})

t.test('what is refused because a server meanwhile takes fewer says nothing about the server', async (t) => {
  const { client, peer, run } = rig([MAX_CONCURRENT_STREAMS, 10])
  const stream = client.open(GET, true, new Recorder())
  run()
  t.equal(stream.early, false)
  peer.frame(frame.SETTINGS, 0, 0, encodeSettings([MAX_CONCURRENT_STREAMS, 20]))
  run()
  t.equal(stream.early, false)
  peer.frame(frame.SETTINGS, 0, 0, encodeSettings([MAX_CONCURRENT_STREAMS, 1]))
  run()
  t.equal(stream.early, true)
})

t.test('white space around values is taken off, in heads and trailers, from the table too', async (t) => {
  const { client, peer, run } = rig()
  for (const id of [1, 3]) {
    const reader = new Recorder()
    client.open(GET, true, reader)
    peer.headers(id, [':status', '200', 'a', ' \tb c \t', 'content-length', '1 ', 'd', '  '], false)
    peer.frame(frame.DATA, 0, id, 'x')
    peer.headers(id, ['grpc-status', '3', 'grpc-message', 'bad argument: '])
    run()
    t.strictSame(reader.head?.fields, ['a', 'b c', 'content-length', '1', 'd', ''])
    t.strictSame(reader.trailers, ['grpc-status', '3', 'grpc-message', 'bad argument:'])
  }
})

t.test('every status of three digits passes', async (t) => {
  const { client, peer, run } = rig()
  let id = 1
  for (const status of [299, 600, 799, 999]) {
    const reader = new Recorder()
    client.open(GET, true, reader)
    peer.headers(id, [':status', String(status)])
    run()
    id += 2
    t.equal(reader.head?.status, status)
  }
})

t.test(
  'an upgrade that was ignored, as the sidecar behind the link says, is an answer like any other',
  async (t) => {
    const { client, peer, run } = rig([ENABLE_CONNECT_PROTOCOL, 1])
    const reader = new Recorder()
    client.open({ ...GET, upgrade: 'spdy/3.1' }, false, reader)
    t.match(run(), [/:protocol=spdy\/3.1/])
    peer.headers(1, [':status', '200', 'x-weft-upgrade', 'ignored', 'content-length', '2'], false)
    peer.frame(frame.DATA, frame.END_STREAM, 1, 'no')
    run()
    t.match(reader, { head: { status: 200 }, text: 'no', ended: true })
  },
)
