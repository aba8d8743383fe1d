import t from 'tap'
import { nameOfCode } from './error-code.ts'
import * as frame from './frame.ts'
import { serveHttp2 } from './server.ts'
import { MemoryWire } from './testing/memory-wire.ts'
import { RawPeer } from './testing/raw-peer.ts'
import { RecordingHandler } from './testing/recorder.ts'
import { GET, POST, rig } from './testing/server-rig.ts'

t.test('a request and its answer', async (t) => {
  const { peer, handler, server, run } = rig()
  peer.headers(
    1,
    [...POST, 'content-length', '3', 'cookie', 'a=1', 'x', 'y', 'cookie', 'b=2', 'te', 'trailers'],
    false,
  )
  peer.frame(frame.DATA, 0, 1, 'ab')
  peer.frame(frame.DATA, frame.END_STREAM, 1, 'c')
  t.strictSame(run(), [])
  const { request, stream, text } = handler.last
  t.strictSame(request, {
    method: 'POST',
    scheme: 'http',
    authority: 'a.test',
    path: '/',
    fields: ['content-length', '3', 'cookie', 'a=1; b=2', 'x', 'y', 'te', 'trailers'],
    spelling: undefined,
    upgrade: '',
  })
  t.equal(text, 'abc')
  t.equal(server.active, 1)
  stream.informational({ status: 103, fields: ['link', '<a>'] })
  stream.head({ status: 200, fields: ['x', '1'] }, false)
  t.equal(stream.data(Buffer.from('hello')), true)
  stream.end(['grpc-status', '0'])
  t.strictSame(run(), [
    'HEADERS@1 :status=103 link=<a>',
    'HEADERS@1 :status=200 x=1',
    'DATA@1 5',
    'HEADERS@1 end grpc-status=0',
  ])
  t.equal(server.active, 0)
  t.strictSame(handler.last.events, ['end'])
})

t.test('the same at every boundary of the bytes', async (t) => {
  for (let size = 1; size < 12; size++) {
    const wire = new MemoryWire(() => size)
    const handler = new RecordingHandler()
    serveHttp2(wire.right, handler)
    const peer = new RawPeer(wire.left)
    peer.preface()
    const block = peer.block([...POST, 'x-long', 'v'.repeat(50)])
    peer.frame(
      frame.HEADERS,
      frame.PADDED,
      1,
      Buffer.concat([Buffer.from([3]), block.subarray(0, 9), Buffer.alloc(3)]),
    )
    peer.frame(frame.CONTINUATION, 0, 1, block.subarray(9, 20))
    peer.frame(frame.CONTINUATION, frame.END_HEADERS, 1, block.subarray(20))
    peer.frame(frame.DATA, frame.PADDED, 1, '\x04abc\0\0\0\0')
    peer.frame(frame.DATA, frame.PADDED | frame.END_STREAM, 1, '\x02\0\0')
    wire.run()
    t.equal(handler.requests.length, 1)
    t.equal(handler.last.text, 'abc')
    t.equal(handler.last.ended, true)
    t.strictSame(peer.take(), [])
  }
})

t.test('malformed requests are stream errors and leave the connection whole', async (t) => {
  const pseudo = (...more: string[]): string[] => [':method', 'GET', ':scheme', 'http', ':path', '/', ...more]
  const bad: Record<string, string[]> = {
    'upper-case name': [...GET, 'X-Upper', '1'],
    'a line break': [...GET, 'x', 'a\r\nb: c'],
    connection: [...GET, 'connection', 'close'],
    'transfer-encoding': [...GET, 'transfer-encoding', 'chunked'],
    upgrade: [...GET, 'upgrade', 'h2c'],
    te: [...GET, 'te', 'gzip'],
    'no method': [':scheme', 'http', ':path', '/'],
    'no path': [':method', 'GET', ':scheme', 'http'],
    'no scheme': [':method', 'GET', ':path', '/'],
    'a strange scheme': [':method', 'GET', ':path', '/', ':scheme', 'file'],
    'empty path': [':method', 'GET', ':scheme', 'http', ':path', ''],
    'a path without /': [':method', 'GET', ':scheme', 'http', ':path', 'a'],
    '* for GET': [':method', 'GET', ':scheme', 'http', ':path', '*'],
    'a space in the path': [':method', 'GET', ':scheme', 'http', ':path', '/a HTTP/1.1'],
    'the method of the preface': [':method', 'PRI', ':scheme', 'http', ':path', '/'],
    'a method with a space': [':method', 'GET /', ':scheme', 'http', ':path', '/'],
    'two paths': [...GET, ':path', '/b'],
    'pseudo after regular': [':method', 'GET', ':scheme', 'http', 'x', '1', ':path', '/'],
    ':status': [...GET, ':status', '200'],
    'unknown pseudo': [...GET, ':x', '1'],
    userinfo: pseudo(':authority', 'u@a.test'),
    'a slash in the authority': pseudo(':authority', 'a/b'),
    'another host': [...GET, 'host', 'b.test'],
    'two hosts': pseudo('host', 'a', 'host', 'a'),
    'two lengths': [...GET, 'content-length', '0', 'content-length', '0'],
    'no number': [...GET, 'content-length', '+1'],
    'a length without content': [...GET, 'content-length', '1'],
    'CONNECT with a path': [':method', 'CONNECT', ':path', '/', ':authority', 'a:1'],
    'CONNECT without authority': [':method', 'CONNECT'],
    ':protocol without CONNECT': [...GET, ':protocol', 'websocket'],
  }
  const { peer, handler, run } = rig()
  let id = 1
  for (const [what, fields] of Object.entries(bad)) {
    peer.headers(id, fields)
    t.strictSame(run(), [`RST_STREAM@${id} 1`], what)
    id += 2
  }
  t.equal(handler.requests.length, 0)
  peer.headers(id, [...GET, 'host', 'A.test', '__proto__', '1'])
  run()
  t.strictSame(handler.last.request.fields, ['__proto__', '1'])
  peer.headers(id + 2, pseudo('host', 'only.test'))
  run()
  t.equal(handler.last.request.authority, 'only.test')
  peer.headers(id + 4, [':method', 'OPTIONS', ':scheme', 'https', ':path', '*'])
  run()
  t.match(handler.last.request, { path: '*', authority: '' })
})

t.test('content that does not fit its length, and trailers that are none', async (t) => {
  const cases: [what: string, play: (peer: RawPeer) => void, code: number][] = [
    ['too much', (peer) => peer.frame(frame.DATA, 0, 1, 'abcd'), 1],
    ['too little', (peer) => peer.frame(frame.DATA, frame.END_STREAM, 1, 'ab'), 1],
    ['trailers without an end', (peer) => peer.headers(1, ['x', '1'], false), 1],
    ['pseudo fields in trailers', (peer) => peer.headers(1, [':path', '/'], true), 1],
    ['bad trailers', (peer) => peer.headers(1, ['X', '1'], true), 1],
  ]
  for (const [what, play, code] of cases) {
    const { peer, handler, run } = rig()
    peer.headers(1, [...POST, 'content-length', '3'], false)
    play(peer)
    t.strictSame(run(), [`RST_STREAM@1 ${code}`], what)
    t.equal(handler.last.reset, 'protocol', what)
  }
})

t.test('broken frames end the connection with the right code', async (t) => {
  const size = '\0'.repeat(16_385)
  const cases: [what: string, play: (peer: RawPeer) => void, code: string][] = [
    ['DATA on stream 0', (p) => p.frame(frame.DATA, 0, 0, 'a'), 'PROTOCOL_ERROR'],
    ['DATA on an idle stream', (p) => p.frame(frame.DATA, 0, 5, 'a'), 'PROTOCOL_ERROR'],
    ['HEADERS on stream 0', (p) => p.headers(0, GET), 'PROTOCOL_ERROR'],
    ['HEADERS on an even stream', (p) => p.headers(2, GET), 'PROTOCOL_ERROR'],
    ['a number that goes back', (p) => [p.headers(5, GET), p.headers(3, GET)], 'PROTOCOL_ERROR'],
    ['too long a frame', (p) => p.frame(frame.DATA, 0, 1, size), 'FRAME_SIZE_ERROR'],
    ['padding beyond HEADERS', (p) => p.frame(frame.HEADERS, 0x0d, 1, '\xff\x82'), 'PROTOCOL_ERROR'],
    ['HEADERS without its pad length', (p) => p.frame(frame.HEADERS, 0x0d, 1, ''), 'FRAME_SIZE_ERROR'],
    ['HEADERS without its priority', (p) => p.frame(frame.HEADERS, 0x25, 1, 'ab'), 'FRAME_SIZE_ERROR'],
    [
      'padding beyond DATA',
      (p) => [p.headers(1, POST, false), p.frame(frame.DATA, 8, 1, '\x05abc')],
      'PROTOCOL_ERROR',
    ],
    ['a block that is no HPACK', (p) => p.frame(frame.HEADERS, 5, 1, '\xff\xff'), 'COMPRESSION_ERROR'],
    ['CONTINUATION alone', (p) => p.frame(frame.CONTINUATION, 4, 1, ''), 'PROTOCOL_ERROR'],
    [
      'PING within a block',
      (p) => [p.frame(frame.HEADERS, 0, 1, '\x82'), p.frame(6, 0, 0, '12345678')],
      'PROTOCOL_ERROR',
    ],
    ['PING on a stream', (p) => p.frame(frame.PING, 0, 1, '12345678'), 'PROTOCOL_ERROR'],
    ['a short PING', (p) => p.frame(frame.PING, 0, 0, '1234567'), 'FRAME_SIZE_ERROR'],
    ['a short GOAWAY', (p) => p.frame(frame.GOAWAY, 0, 0, '1234567'), 'FRAME_SIZE_ERROR'],
    ['GOAWAY on a stream', (p) => p.frame(frame.GOAWAY, 0, 1, '12345678'), 'PROTOCOL_ERROR'],
    ['SETTINGS on a stream', (p) => p.frame(frame.SETTINGS, 0, 1, ''), 'PROTOCOL_ERROR'],
    ['SETTINGS of a strange length', (p) => p.frame(frame.SETTINGS, 0, 0, 'abc'), 'FRAME_SIZE_ERROR'],
    ['an ACK with content', (p) => p.frame(frame.SETTINGS, 1, 0, '123456'), 'FRAME_SIZE_ERROR'],
    ['ENABLE_PUSH 2', (p) => p.frame(frame.SETTINGS, 0, 0, '\0\x02\0\0\0\x02'), 'PROTOCOL_ERROR'],
    ['too large a window', (p) => p.frame(frame.SETTINGS, 0, 0, '\0\x04\x80\0\0\0'), 'FLOW_CONTROL_ERROR'],
    ['too small a frame size', (p) => p.frame(frame.SETTINGS, 0, 0, '\0\x05\0\0\0\x01'), 'PROTOCOL_ERROR'],
    ['PUSH_PROMISE', (p) => p.frame(frame.PUSH_PROMISE, 4, 1, '\0\0\0\x02'), 'PROTOCOL_ERROR'],
    ['RST_STREAM on an idle stream', (p) => p.number(frame.RST_STREAM, 1, 8), 'PROTOCOL_ERROR'],
    ['a short RST_STREAM', (p) => p.frame(frame.RST_STREAM, 0, 1, 'abc'), 'FRAME_SIZE_ERROR'],
    ['WINDOW_UPDATE of 0', (p) => p.number(frame.WINDOW_UPDATE, 0, 0), 'PROTOCOL_ERROR'],
    ['WINDOW_UPDATE on an idle stream', (p) => p.number(frame.WINDOW_UPDATE, 1, 1), 'PROTOCOL_ERROR'],
    ['too many bytes of window', (p) => p.number(frame.WINDOW_UPDATE, 0, 0x7fff_ffff), 'FLOW_CONTROL_ERROR'],
    ['a short WINDOW_UPDATE', (p) => p.frame(frame.WINDOW_UPDATE, 0, 0, 'abc'), 'FRAME_SIZE_ERROR'],
    ['PRIORITY on stream 0', (p) => p.frame(frame.PRIORITY, 0, 0, '12345'), 'PROTOCOL_ERROR'],
  ]
  for (const [what, play, code] of cases) {
    const { peer, handler, run, wire, clock } = rig()
    play(peer)
    const text = run().at(-1) ?? ''
    t.equal(nameOfCode(Number(/code (\d+)/.exec(text)?.[1])), code, what)
    t.equal(peer.ended, true, `${what}: FIN`)
    for (const request of handler.requests) t.ok(request.reset, `${what}: open requests hear of it`)
    clock.advance(1000)
    t.equal(wire.right.closed, true, `${what}: closed even where the peer stays`)
  }
})

t.test('stream errors of frames', async (t) => {
  const cases: [what: string, play: (peer: RawPeer) => void, code: number][] = [
    ['WINDOW_UPDATE of 0', (p) => p.number(frame.WINDOW_UPDATE, 1, 0), 1],
    ['too large a window', (p) => p.number(frame.WINDOW_UPDATE, 1, 0x7fff_ffff), 3],
    ['PRIORITY of a strange length', (p) => p.frame(frame.PRIORITY, 0, 1, '1234'), 6],
    ['a stream that depends on itself', (p) => p.frame(frame.PRIORITY, 0, 1, '\0\0\0\x01\0'), 1],
  ]
  for (const [what, play, code] of cases) {
    const { peer, handler, run } = rig()
    peer.headers(1, POST, false)
    play(peer)
    t.strictSame(run(), [`RST_STREAM@1 ${code}`], what)
    t.equal(handler.last.reset, 'protocol', what)
    // What was on its way is ignored.
    peer.frame(frame.DATA, frame.END_STREAM, 1, 'late')
    peer.headers(3, GET)
    t.strictSame(run(), [], what)
    t.equal(handler.requests.length, 2)
  }
  const { peer, run } = rig()
  peer.headers(1, GET)
  peer.frame(frame.DATA, 0, 1, 'x')
  t.strictSame(run(), ['RST_STREAM@1 5'], 'DATA after the end')
  peer.frame(0xfa, 0xff, 7, 'an unknown type')
  peer.frame(frame.PING, 0, 0, '12345678')
  t.strictSame(run(), ['PING ack'])
})

t.test('what is not HTTP/2 is told so', async (t) => {
  const wire = new MemoryWire()
  const handler = new RecordingHandler()
  serveHttp2(wire.right, handler)
  const peer = new RawPeer(wire.left)
  peer.transport.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  wire.run()
  t.strictSame(peer.take(), ['GOAWAY last 0 code 1'])
  t.equal(peer.ended, true)

  const second = new MemoryWire()
  serveHttp2(second.right, handler)
  const rude = new RawPeer(second.left)
  rude.transport.write(frame.PREFACE)
  rude.headers(1, GET)
  second.run()
  t.strictSame(rude.take(), ['GOAWAY last 0 code 1'], 'SETTINGS must come first')
})

t.test('limits of fields: 431, and nothing grows', async (t) => {
  const { peer, handler, run } = rig({ headLimits: { maxBytes: 1200, maxFields: 10 } })
  peer.headers(1, [
    ...GET,
    'x',
    'a'.repeat(100),
    ...Array.from({ length: 20 }, (_, i) => [`f${i}`, '1']).flat(),
  ])
  t.strictSame(run(), ['HEADERS@1 end :status=431'], 'count')
  peer.headers(3, [...POST, ...Array.from({ length: 9 }, (_, i) => [`f${i}`, 'v'.repeat(120)]).flat()], false)
  t.strictSame(run(), ['HEADERS@3 end :status=431', 'RST_STREAM@3 0'], 'bytes')
  // A small block that repeats one large entry of the table (CVE-2016-6581).
  const repeated = (times: number) =>
    Buffer.concat([
      peer.block(GET),
      Buffer.from(`@\x01x\x7f\x64${'v'.repeat(227)}`, 'latin1'),
      Buffer.alloc(times, 0xbe),
    ])
  peer.frame(frame.HEADERS, frame.END_HEADERS | frame.END_STREAM, 5, repeated(60))
  t.strictSame(run(), ['HEADERS@5 end :status=431'], 'some times the limit')
  t.equal(handler.requests.length, 0)
  peer.headers(7, POST, false)
  peer.headers(7, Array.from({ length: 20 }, (_, i) => [`f${i}`, '1']).flat())
  t.strictSame(run(), ['RST_STREAM@7 11'], 'trailers')
  t.equal(handler.last.reset, 'overload')
  peer.frame(frame.HEADERS, frame.END_HEADERS | frame.END_STREAM, 9, repeated(9000))
  t.strictSame(run(), ['GOAWAY last 7 code 11'], 'a bomb')
})

t.test('streams beyond the limit are refused, and a reset one holds its place for the turn', async (t) => {
  const { peer, run, handler } = rig({ maxConcurrentStreams: 2 })
  for (const id of [1, 3, 5]) peer.headers(id, GET)
  t.strictSame(run(), ['RST_STREAM@5 7'])
  peer.number(frame.RST_STREAM, 1, 8)
  peer.headers(7, GET)
  t.strictSame(run(), ['RST_STREAM@7 7'])
  t.equal(handler.requests[0]?.reset, 'cancel')
  await new Promise(setImmediate)
  peer.headers(9, GET)
  t.strictSame(run(), [])
  t.equal(handler.requests.length, 3)
})

t.test('streams and connections that are given up tell why', async (t) => {
  const { peer, run, handler, server } = rig()
  for (const id of [1, 3]) {
    peer.headers(id, GET)
    run()
    const { stream } = handler.last
    stream.head({ status: 200, fields: [] }, false)
    // More than the window that the client has granted.
    stream.data(Buffer.alloc(70_000))
    run()
  }
  peer.number(frame.WINDOW_UPDATE, 3, 10)
  server.sweep?.(1000, 500)
  run()
  server.sweep?.(1400, 500)
  t.strictSame(
    handler.requests.map(({ reset }) => reset),
    [undefined, undefined],
  )
  server.sweep?.(1600, 500)
  t.strictSame(run(), ['RST_STREAM@1 8', 'RST_STREAM@3 8'])
  peer.headers(5, GET)
  run()
  server.destroy('stalled')
  t.strictSame(
    handler.requests.map(({ reset }) => reset),
    ['stalled', 'stalled', 'stalled'],
  )
})

t.test('resets go by their reason, both ways', async (t) => {
  const { peer, run, handler } = rig()
  const codes = { cancel: 8, refused: 7, connection: 2, protocol: 1, timeout: 8, overload: 11 } as const
  let id = 1
  for (const [reason, code] of Object.entries(codes)) {
    peer.headers(id, GET)
    run()
    handler.last.stream.reset(reason as keyof typeof codes)
    t.strictSame(run(), [`RST_STREAM@${id} ${code}`])
    t.equal(handler.last.reset, undefined, 'its own reader hears nothing')
    id += 2
  }
  for (const [code, reason] of [
    [8, 'cancel'],
    [7, 'refused'],
    [2, 'connection'],
    [1, 'protocol'],
    [11, 'overload'],
    [999, 'connection'],
  ] as const) {
    peer.headers(id, GET)
    peer.number(frame.RST_STREAM, id, code)
    run()
    t.equal(handler.last.reset, reason)
    id += 2
  }
  peer.headers(id, POST, false)
  run()
  handler.last.stream.head({ status: 413, fields: [] }, true)
  handler.last.stream.reset('cancel')
  t.strictSame(
    run(),
    [`HEADERS@${id} end :status=413`, `RST_STREAM@${id} 0`],
    'an early answer stops the upload',
  )
})

t.test('HEAD, 204 and 304 have no content', async (t) => {
  const { peer, run, handler } = rig()
  peer.headers(1, [':method', 'HEAD', ...GET.slice(2)])
  peer.headers(3, GET)
  run()
  for (const [request, status] of [
    [handler.requests[0], 200],
    [handler.requests[1], 304],
  ] as const) {
    request?.stream.head({ status, fields: ['content-length', '5'] }, false)
    request?.stream.data(Buffer.from('hello'))
    request?.stream.end(undefined)
  }
  t.strictSame(run(), [
    'HEADERS@1 :status=200 content-length=5',
    'DATA@1 0 end',
    'HEADERS@3 :status=304 content-length=5',
    'DATA@3 0 end',
  ])
})

t.test('extended CONNECT is an upgrade', async (t) => {
  const { peer, run, handler } = rig()
  const connect = [
    ':method',
    'CONNECT',
    ':protocol',
    'WebSocket',
    ':scheme',
    'https',
    ':path',
    '/chat',
    ':authority',
    'a',
  ]
  for (const id of [1, 3, 5]) peer.headers(id, connect, false)
  run()
  t.match(handler.last.request, { method: 'GET', upgrade: 'websocket', path: '/chat', authority: 'a' })
  handler.requests[0]?.stream.head({ status: 101, fields: [] }, false)
  handler.requests[1]?.stream.head({ status: 403, fields: [] }, true)
  handler.requests[2]?.stream.head({ status: 200, fields: [] }, true)
  t.strictSame(run(), [
    'HEADERS@1 :status=200',
    'HEADERS@3 end :status=403',
    'RST_STREAM@3 0',
    'HEADERS@5 end :status=502',
    'RST_STREAM@5 0',
  ])
  // Towards a sidecar, which knows the word.
  peer.headers(7, connect, false)
  run()
  handler.last.stream.head({ status: 200, fields: ['x-weft-upgrade', 'ignored'] }, true)
  t.strictSame(run(), ['HEADERS@7 end :status=200 x-weft-upgrade=ignored'])
  peer.headers(9, [':method', 'CONNECT', ':authority', 'a:443'], false)
  run()
  t.match(handler.last.request, { method: 'CONNECT', authority: 'a:443', path: '', upgrade: '' })
})

t.test('drain loses no request that was on its way', async (t) => {
  const { peer, run, handler, server, wire, clock } = rig()
  peer.headers(1, GET)
  run()
  server.drain()
  clock.advance(30)
  peer.headers(3, GET)
  t.strictSame(run(), ['PING', `GOAWAY last ${0x7fff_ffff} code 0`], 'nothing but a GOAWAY follows one')
  t.equal(handler.requests.length, 2, 'what was sent before the GOAWAY came is served')
  peer.frame(frame.PING, frame.ACK, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, 2]))
  run()
  clock.advance(29)
  peer.headers(5, GET)
  t.strictSame(run(), [], 'a round trip more')
  clock.advance(1)
  t.strictSame(run(), ['GOAWAY last 5 code 0'])
  peer.headers(7, GET)
  t.strictSame(run(), [])
  t.equal(handler.requests.length, 3)
  for (const { stream } of handler.requests) stream.head({ status: 204, fields: [] }, true)
  t.strictSame(run(), ['HEADERS@1 end :status=204', 'HEADERS@3 end :status=204', 'HEADERS@5 end :status=204'])
  t.equal(peer.ended, true)
  wire.left.destroy()
  run()
  t.equal(handler.closed, true)

  const silent = rig()
  silent.server.drain()
  silent.run()
  silent.clock.advance(1000)
  t.strictSame(silent.run(), ['GOAWAY last 0 code 0'], 'a client that answers no PING is drained too')
  t.equal(silent.peer.ended, true)
})

t.test('an answer that is whole before its request asks for the rest to stop (section 8.1)', async (t) => {
  const { peer, run, handler, server } = rig({ streamWindowBytes: 64 * 1024 })
  const answer = (body: string): void => {
    const { stream } = handler.last
    stream.head({ status: 413, fields: [] }, body === '')
    if (body === '') return
    stream.data(Buffer.from(body))
    stream.end(['t', '1'])
  }
  peer.headers(1, POST, false)
  run()
  answer('')
  t.strictSame(run(), ['HEADERS@1 end :status=413', 'RST_STREAM@1 0'])
  peer.headers(3, POST, false)
  run()
  answer('too much')
  t.strictSame(run(), ['HEADERS@3 :status=413', 'DATA@3 8', 'HEADERS@3 end t=1', 'RST_STREAM@3 0'])
  t.equal(server.active, 0)
  // Not before the client has taken it all.
  peer.headers(5, POST, false)
  run()
  answer('x'.repeat(70_000))
  t.equal(run().at(-1), 'DATA@5 16375')
  t.equal(server.active, 1)
  peer.number(frame.WINDOW_UPDATE, 0, 10_000)
  peer.number(frame.WINDOW_UPDATE, 5, 10_000)
  t.strictSame(run().slice(-2), ['HEADERS@5 end t=1', 'RST_STREAM@5 0'])
  // What is on its way meanwhile is dropped, and its window given back.
  for (let i = 0; i < 2000; i++) peer.frame(frame.DATA, 0, 5, Buffer.alloc(16_000))
  t.ok(run().every((text) => text.startsWith('WINDOW_UPDATE@0')))
  server.drain()
  t.strictSame(run().length, 2)
  t.equal(
    handler.requests.every(({ reset }) => reset === undefined),
    true,
  )
})

t.test('a client that never acknowledges SETTINGS', async (t) => {
  const { clock, run } = rig({ settingsTimeoutMs: 500 })
  clock.advance(500)
  t.strictSame(run(), ['GOAWAY last 0 code 4'])
})

t.test('keep-alive finds out who is gone', async (t) => {
  const { clock, run, peer, handler, wire } = rig({ keepAlive: { intervalMs: 100, timeoutMs: 50 } })
  peer.frame(frame.SETTINGS, frame.ACK, 0)
  run()
  clock.advance(99)
  t.strictSame(run(), [])
  clock.advance(1)
  t.strictSame(run(), ['PING'], 'nothing runs')
  peer.headers(1, GET)
  run()
  clock.advance(49)
  t.strictSame(run(), [], 'bytes came')
  clock.advance(2)
  t.strictSame(run(), ['PING'], 'a stream is open')
  peer.frame(frame.PING, frame.ACK, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]))
  run()
  clock.advance(50)
  t.strictSame(run(), ['PING'])
  clock.advance(49)
  t.equal(wire.right.closed, false)
  clock.advance(1)
  t.equal(wire.right.closed, true)
  t.equal(handler.last.reset, 'connection')
})

t.test('the end of the connection is the end of its streams', async (t) => {
  const { peer, run, handler, wire } = rig()
  peer.headers(1, POST, false)
  peer.headers(3, GET)
  run()
  wire.left.end()
  run()
  t.strictSame(
    handler.requests.map((request) => request.reset),
    ['cancel', 'cancel'],
  )
  handler.last.stream.head({ status: 200, fields: [] }, false)
  t.equal(handler.last.stream.data(Buffer.from('x')), true)
  handler.last.stream.end(undefined)
  t.strictSame(run(), [])
})
