import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import type { RequestHead } from '../http/message.ts'
import type { ClientConnection } from '../http/stream.ts'
import { connectHttp2 } from './client.ts'
import { nameOfCode } from './error-code.ts'
import * as frame from './frame.ts'
import type { Http2Options } from './options.ts'
import { serveHttp2 } from './server.ts'
import { encodeSettings, ENABLE_CONNECT_PROTOCOL, HEADER_TABLE_SIZE } from './settings.ts'
import { MemoryWire } from './testing/memory-wire.ts'
import { RawPeer } from './testing/raw-peer.ts'
import { RecordingHandler, Recorder } from './testing/recorder.ts'

// Rules of RFC 9113, RFC 8441 and RFC 7541 that no conformance suite asks for, a test a section.

function server(options: Http2Options = {}) {
  const wire = new MemoryWire()
  const handler = new RecordingHandler()
  serveHttp2(wire.right, handler, { clock: new ManualClock(1_000_000), ...options })
  const peer = new RawPeer(wire.left)
  peer.preface()
  const run = (): string[] => {
    wire.run()
    return peer.take()
  }
  run()
  return { wire, handler, peer, run }
}

function client(settings: number[] = []) {
  const wire = new MemoryWire()
  const client: ClientConnection = connectHttp2(wire.left, { onChange() {} })
  // The raw server reads the preface as what it is not: skip it.
  const preface = wire.left.take()
  const peer = new RawPeer(wire.right)
  peer.transport.reader.onData(preface.subarray(frame.PREFACE.length))
  peer.frame(frame.SETTINGS, 0, 0, encodeSettings(settings))
  const run = (): string[] => {
    wire.run()
    return peer.take()
  }
  run()
  return { wire, client, peer, run }
}

/** The code of the GOAWAY that came last. */
function goaway(frames: readonly string[]): string {
  return nameOfCode(Number(/^GOAWAY .*code (\d+)/.exec(frames.at(-1) ?? '')?.[1]))
}

const GET = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'a.test']
const POST = [':method', 'POST', ...GET.slice(2)]
const CONNECT = [':method', 'CONNECT', ':authority', 'a.test:443']
const WEBSOCKET = [':method', 'CONNECT', ':protocol', 'websocket', ...GET.slice(2)]
const REQUEST: RequestHead = {
  method: 'GET',
  scheme: 'https',
  authority: 'a.test',
  path: '/',
  fields: [],
  upgrade: '',
}

t.test('4.1: flags and a reserved bit without meaning are ignored', async (t) => {
  const { peer, handler, run } = server()
  // PING with END_STREAM and PADDED's bits but not ACK; WINDOW_UPDATE and SETTINGS with strange ones.
  peer.frame(frame.PING, 0xfe, 0, '12345678')
  t.strictSame(run(), ['PING ack'])
  peer.frame(frame.SETTINGS, 0xfe, 0)
  peer.frame(frame.WINDOW_UPDATE, 0xff, 0, '\x80\0\0\x01')
  peer.frame(frame.HEADERS, frame.END_HEADERS | frame.END_STREAM | 0x52, 0x8000_0001, peer.block(GET))
  t.strictSame(run(), [])
  t.equal(handler.requests.length, 1)
})

t.test('4.3: fields are decoded also where nobody wants the stream, so that tables stay equal', async (t) => {
  const { peer, handler, run } = server({ maxConcurrentStreams: 1 })
  const indexed = (id: number) => {
    // x-a: 1 with incremental indexing in the first, by its index (62) in what follows.
    const field = id === 3 ? Buffer.from('\x40\x03x-a\x011', 'latin1') : Buffer.from([0xbe])
    const block = Buffer.concat([Buffer.from([0x82, 0x86, 0x84]), field])
    peer.frame(frame.HEADERS, frame.END_HEADERS | frame.END_STREAM, id, block)
  }
  peer.headers(1, GET)
  indexed(3)
  t.strictSame(run(), ['RST_STREAM@3 7'])
  handler.last.stream.head({ status: 204, fields: [] }, true)
  indexed(5)
  run()
  t.strictSame(handler.last.request.fields, ['x-a', '1'])
})

t.test('5.1: what may come on a closed stream, and what may not', async (t) => {
  const ended = server()
  ended.peer.headers(1, GET)
  ended.run()
  ended.handler.last.stream.head({ status: 204, fields: [] }, true)
  ended.run()
  ended.peer.number(frame.WINDOW_UPDATE, 1, 10)
  ended.peer.number(frame.RST_STREAM, 1, 0)
  ended.peer.frame(frame.PRIORITY, 0, 1, '\0\0\0\0\x10')
  t.strictSame(ended.run(), [], 'these may have been on their way')
  ended.peer.headers(1, GET)
  t.equal(goaway(ended.run()), 'STREAM_CLOSED')
})

t.test('5.1.1: a higher number closes the idle streams below it', async (t) => {
  const { peer, handler, run } = server()
  peer.headers(7, GET)
  run()
  t.equal(handler.requests.length, 1)
  peer.headers(5, GET)
  t.equal(goaway(run()), 'PROTOCOL_ERROR')
})

t.test('5.3: priority, old and new, changes nothing', async (t) => {
  const { peer, handler, run } = server()
  // A block with priority that depends on a stream nobody knows; PRIORITY for idle streams; PRIORITY_UPDATE (RFC 9218).
  peer.frame(frame.PRIORITY, 0, 9, '\0\0\0\x0b\xff')
  peer.frame(
    frame.HEADERS,
    frame.HAS_PRIORITY | frame.END_HEADERS | frame.END_STREAM,
    1,
    Buffer.concat([Buffer.from([0x80, 0, 0, 99, 5]), peer.block([...GET, 'priority', 'u=0'])]),
  )
  peer.frame(0x10, 0, 0, '\0\0\0\x01u=7')
  t.strictSame(run(), [])
  t.strictSame(handler.last.request.fields, ['priority', 'u=0'])

  // RFC 7540 section 5.3.1: a stream cannot depend on itself.
  const flags = frame.HAS_PRIORITY | frame.END_HEADERS | frame.END_STREAM
  peer.frame(frame.HEADERS, flags, 3, Buffer.concat([Buffer.from([0, 0, 0, 3, 5]), peer.block(GET)]))
  t.strictSame(run(), ['RST_STREAM@3 1'])
  t.equal(handler.requests.length, 1)
  t.match(handler.refused.at(-1), /depends on itself/)
})

t.test('6.1: padding counts for flow control and is given back', async (t) => {
  const { peer, wire, handler, run } = server({
    streamWindowBytes: 65_535,
    connectionWindowBytes: 65_535,
  })
  peer.headers(1, POST, false)
  run()
  // 255 bytes of padding and its length for each byte of content: beyond the window without WINDOW_UPDATEs.
  for (let i = 0; i < 1000; i++) peer.frame(frame.DATA, frame.PADDED, 1, `\xffa${'\0'.repeat(255)}`)
  wire.run()
  t.equal(handler.last.text, 'a'.repeat(1000))
  t.equal(handler.last.reset, undefined)
  const given = (stream: string) =>
    peer.seen
      .filter((text) => text.startsWith(`WINDOW_UPDATE${stream} `))
      .reduce((sum, text) => sum + Number(text.split(' ')[1]), 0)
  t.ok(given('') >= 257_000 - 65_535, `the connection got ${given('')} bytes back`)
  t.ok(given('@1') >= 257_000 - 65_535, `the stream got ${given('@1')} bytes back`)
})

t.test('6.5: a SETTINGS frame counts as a whole, unknown ones are ignored', async (t) => {
  const { peer, run } = server()
  peer.frame(frame.SETTINGS, 0, 0, encodeSettings([0x4, 10, 0xff00, 1, 0x4, 0, 0xa0a, 7]))
  peer.headers(1, GET)
  run()
  t.notOk(peer.seen.some((text) => text.startsWith('GOAWAY')))
  for (const [what, entries, code] of [
    ['ENABLE_CONNECT_PROTOCOL 2', [ENABLE_CONNECT_PROTOCOL, 2], 'PROTOCOL_ERROR'],
    ['MAX_FRAME_SIZE above 2^24-1', [0x5, 0x0100_0000], 'PROTOCOL_ERROR'],
    ['a bad one behind a good one', [0x3, 5, 0x2, 9], 'PROTOCOL_ERROR'],
  ] as const) {
    const bad = server()
    bad.peer.frame(frame.SETTINGS, 0, 0, encodeSettings(entries))
    t.equal(goaway(bad.run()), code, what)
  }
})

t.test('6.5.2: a server must not enable push, nor take extended CONNECT back', async (t) => {
  for (const play of [
    (peer: RawPeer) => peer.frame(frame.SETTINGS, 0, 0, encodeSettings([0x2, 1])),
    (peer: RawPeer) => {
      peer.frame(frame.SETTINGS, 0, 0, encodeSettings([ENABLE_CONNECT_PROTOCOL, 1]))
      peer.frame(frame.SETTINGS, 0, 0, encodeSettings([ENABLE_CONNECT_PROTOCOL, 0]))
    },
  ]) {
    const { peer, client: connection, run } = client()
    play(peer)
    t.equal(goaway(run()), 'PROTOCOL_ERROR')
    t.equal(connection.closed, true)
  }
})

t.test('6.5.3 and RFC 7541 4.2: a smaller table is acknowledged, then told at the next block', async (t) => {
  const { peer, wire, handler, run } = server()
  const answer = (id: number): Buffer => {
    peer.headers(id, GET)
    wire.run()
    handler.last.stream.head({ status: 204, fields: [] }, true)
    const bytes = wire.right.take()
    return bytes.subarray(9)
  }
  t.strictSame([...answer(1)], [0x89])
  // Emptied and grown again in one frame: both sizes must be told.
  peer.frame(frame.SETTINGS, 0, 0, encodeSettings([HEADER_TABLE_SIZE, 0, HEADER_TABLE_SIZE, 4096]))
  run()
  t.strictSame([...answer(3)], [0x20, 0x3f, 0xe1, 0x1f, 0x89])
  t.strictSame([...answer(5)], [0x89])
  peer.frame(frame.SETTINGS, 0, 0, encodeSettings([HEADER_TABLE_SIZE, 100]))
  run()
  t.strictSame([...answer(7)], [0x3f, 0x45, 0x89])
  // More than we use stays what we use.
  peer.frame(frame.SETTINGS, 0, 0, encodeSettings([HEADER_TABLE_SIZE, 1_000_000]))
  run()
  t.strictSame([...answer(9)], [0x3f, 0xe1, 0x1f, 0x89])
})

t.test('6.8: a GOAWAY of either side lets what runs finish', async (t) => {
  const { peer, handler, run } = server()
  peer.headers(1, POST, false)
  run()
  peer.frame(frame.GOAWAY, 0, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, 0]))
  peer.frame(frame.DATA, frame.END_STREAM, 1, 'rest')
  t.strictSame(run(), ['GOAWAY last 1 code 0'])
  t.equal(handler.last.text, 'rest')
  handler.last.stream.head({ status: 200, fields: [] }, true)
  t.strictSame(run(), ['HEADERS@1 end :status=200'])
  t.equal(peer.ended, true)

  // With an error code, as some servers end in order: what they did not reach can be repeated.
  const other = client()
  const readers = [new Recorder(), new Recorder()]
  for (const reader of readers) other.client.open(REQUEST, true, reader)
  other.run()
  other.peer.frame(frame.GOAWAY, 0, 0, Buffer.from([0, 0, 0, 1, 0, 0, 0, 11, 0x66]))
  other.run()
  t.strictSame([readers[0]?.reset, readers[1]?.reset], [undefined, 'refused'])
  other.peer.headers(1, [':status', '200'])
  other.run()
  t.strictSame(readers[0]?.events, ['head 200 end'])
})

t.test('6.9.1: a window that overflows is told by its scope', async (t) => {
  const { peer, handler, run } = server()
  peer.headers(1, POST, false)
  run()
  peer.number(frame.WINDOW_UPDATE, 1, 0x7fff_ffff)
  t.strictSame(run(), ['RST_STREAM@1 3'])
  t.equal(handler.last.reset, 'protocol')
  // A new initial window that makes one too large ends the connection (6.9.2).
  peer.headers(3, POST, false)
  peer.number(frame.WINDOW_UPDATE, 3, 0x7fff_0000)
  peer.frame(frame.SETTINGS, 0, 0, encodeSettings([0x4, 0x7fff_ffff]))
  t.equal(goaway(run()), 'FLOW_CONTROL_ERROR')
})

t.test('8.1: content without a length, and a length that trailers follow', async (t) => {
  const { peer, handler, run } = server()
  peer.headers(1, [...POST, 'content-length', '2'], false)
  peer.frame(frame.DATA, 0, 1, 'a')
  peer.headers(1, ['x', '1'])
  t.strictSame(run(), ['RST_STREAM@1 1'], 'less than content-length before the trailers')
  peer.headers(3, POST, false)
  peer.frame(frame.DATA, 0, 3, 'abc')
  peer.headers(3, ['x', '1'])
  t.strictSame(run(), [])
  t.strictSame([handler.last.text, handler.last.trailers], ['abc', ['x', '1']])
  for (const [what, fields] of [
    ['connection-specific', ['connection', 'close']],
    [':status', [':status', '200']],
    ['a field name in upper case', ['Grpc-Status', '0']],
  ] as const) {
    const bad = server()
    bad.peer.headers(1, POST, false)
    bad.peer.headers(1, [...fields])
    t.strictSame(bad.run(), ['RST_STREAM@1 1'], `trailers: ${what}`)
    t.equal(bad.handler.last.reset, 'protocol')
  }
})

t.test('8.1: interim answers are bounded', async (t) => {
  const { peer, client: connection, run } = client()
  const reader = new Recorder()
  connection.open(REQUEST, true, reader)
  run()
  for (let i = 0; i < 64; i++) peer.headers(1, [':status', '103', 'link', String(i)], false)
  t.strictSame(run(), [])
  peer.headers(1, [':status', '103'], false)
  t.strictSame(run(), ['RST_STREAM@1 11'])
  t.equal(reader.events.filter((text) => text === 'informational 103').length, 64)
  t.equal(reader.reset, 'overload')
  t.equal(connection.closed, false)
})

t.test('8.2.2: each connection-specific field is refused, in requests and answers', async (t) => {
  const names = ['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']
  const { peer, handler, run } = server()
  for (const [i, name] of names.entries()) {
    peer.headers(i * 2 + 1, [...GET, name, 'x'])
    t.strictSame(run(), [`RST_STREAM@${i * 2 + 1} 1`], name)
  }
  t.equal(handler.requests.length, 0)
  t.strictSame(
    handler.refused,
    names.map((name) => `0 ${name} is connection-specific`),
  )
  for (const name of names) {
    const other = client()
    const reader = new Recorder()
    other.client.open(REQUEST, true, reader)
    other.peer.headers(1, [':status', '200', name, 'x'])
    other.run()
    t.equal(reader.reset, 'protocol', `${name} in an answer`)
  }
})

t.test('8.3.1: :authority beside host', async (t) => {
  const { peer, handler, run } = server()
  const without = GET.slice(0, 6)
  const good: [fields: string[], authority: string][] = [
    [[...GET, 'host', 'a.test'], 'a.test'],
    [[...without, 'host', 'b.test:80'], 'b.test:80'],
    [[...without, ':authority', '[::1]:8080'], '[::1]:8080'],
  ]
  let id = 1
  for (const [fields, authority] of good) {
    peer.headers(id, fields)
    t.strictSame(run(), [], authority)
    t.equal(handler.last.request.authority, authority)
    t.notOk(handler.last.request.fields.includes('host'), 'it is told once')
    id += 2
  }
  for (const fields of [
    [...GET, 'host', 'a.test:80'],
    [...without, ':authority', '', 'host', 'a.test'],
    [...without, ':authority', 'u@a.test'],
    ...['a.test:.evil', 'a.test:80:80', 'a.test:x', 'a.test:123456', '[::1', 'a.test]', 'a:b:c'].map(
      (one) => [...without, ':authority', one],
    ),
    [...without, 'host', 'a.test/x'],
    [...without, ':authority', 'a.test', ':authority', 'a.test'],
  ]) {
    peer.headers(id, fields)
    t.strictSame(run(), [`RST_STREAM@${id} 1`], fields.slice(6).join(' '))
    id += 2
  }
})

t.test('8.5: a tunnel carries DATA alone, whatever length it told', async (t) => {
  for (const fields of [CONNECT, WEBSOCKET]) {
    const { peer, handler, run } = server()
    peer.headers(1, [...fields, 'content-length', '2'], false)
    run()
    handler.last.stream.head({ status: handler.last.request.upgrade ? 101 : 200, fields: [] }, false)
    peer.frame(frame.DATA, 0, 1, 'more than two bytes')
    t.strictSame(run(), ['HEADERS@1 :status=200'])
    t.equal(handler.last.text, 'more than two bytes')
    peer.headers(1, ['x', '1'])
    t.strictSame(run(), ['RST_STREAM@1 1'], 'no HEADERS')
    t.equal(handler.last.reset, 'protocol')
  }
  const { peer, client: connection, run } = client([ENABLE_CONNECT_PROTOCOL, 1])
  for (const [i, head] of [
    { ...REQUEST, upgrade: 'websocket' },
    { ...REQUEST, method: 'CONNECT', path: '' },
  ].entries()) {
    const reader = new Recorder()
    connection.open(head, false, reader)
    const id = i * 2 + 1
    // RFC 8441 section 5: any 2xx opens it.
    peer.headers(id, [':status', '201', 'content-length', '1'], false)
    peer.frame(frame.DATA, 0, id, 'tunnel')
    run()
    t.strictSame([reader.head?.status, reader.text], [head.upgrade === '' ? 201 : 101, 'tunnel'])
    peer.headers(id, ['x', '1'])
    t.strictSame(run(), [`RST_STREAM@${id} 1`])
    t.equal(reader.reset, 'protocol')
  }
})

t.test('8.5: a refused tunnel is an ordinary answer, with trailers', async (t) => {
  const { peer, client: connection, run } = client([ENABLE_CONNECT_PROTOCOL, 1])
  const reader = new Recorder()
  connection.open({ ...REQUEST, upgrade: 'websocket' }, false, reader)
  peer.headers(1, [':status', '403', 'content-length', '2'], false)
  peer.frame(frame.DATA, 0, 1, 'no')
  peer.headers(1, ['why', 'closed'])
  run()
  t.strictSame([reader.head?.status, reader.text, reader.trailers], [403, 'no', ['why', 'closed']])
})

t.test('RFC 8441 4: what an extended CONNECT must hold', async (t) => {
  const { peer, handler, run } = server()
  const bad = {
    'no :scheme': [':method', 'CONNECT', ':protocol', 'websocket', ':path', '/', ':authority', 'a'],
    'no :path': [':method', 'CONNECT', ':protocol', 'websocket', ':scheme', 'http', ':authority', 'a'],
    'no :authority': [':method', 'CONNECT', ':protocol', 'websocket', ':scheme', 'http', ':path', '/'],
    'a :protocol that is no token': [':method', 'CONNECT', ':protocol', 'web socket', ...GET.slice(2)],
    'an empty :protocol': [':method', 'CONNECT', ':protocol', '', ...GET.slice(2)],
  }
  let id = 1
  for (const [what, fields] of Object.entries(bad)) {
    peer.headers(id, fields, false)
    t.strictSame(run(), [`RST_STREAM@${id} 1`], what)
    id += 2
  }
  t.equal(handler.requests.length, 0)
})
