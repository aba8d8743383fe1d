import fc from 'fast-check'
import t from 'tap'
import type { RequestHead } from '../http/message.ts'
import type { Http1ClientOptions } from './client.ts'
import { HEAD_LIMITS } from '../http/head-limits.ts'
import { MAX_INFORMATIONAL } from './limits.ts'
import { GET, OK, start } from './testing/client-rig.ts'
import { settle } from './testing/memory-transport.ts'
import { SeenResponse } from './testing/recorders.ts'

/** What becomes of one exchange whose request is whole when `pieces` come back. */
function exchange(pieces: readonly string[], head: Partial<RequestHead> = {}, fin = false) {
  const { transport, connection } = start()
  const seen = new SeenResponse()
  const stream = connection.open({ ...GET, ...head }, true, seen)
  for (const piece of pieces) transport.feed(piece)
  if (fin) transport.feedEnd()
  const { closed, free } = connection
  const tunnel = seen.head !== undefined && !seen.ended && (head.upgrade ?? '') !== ''
  if (!tunnel) transport.close()
  return { ...seen.summary, closed, free, answered: stream.answered }
}

t.test('writes requests (RFC 9112 sections 3 and 6)', async (t) => {
  type Case = { name: string; head?: Partial<RequestHead>; body?: string; trailers?: string[]; wire: string }
  const cases: Case[] = [
    { name: 'no body', head: { fields: ['a', 'b'] }, wire: 'GET /x HTTP/1.1\r\nhost: a\r\na: b\r\n\r\n' },
    {
      name: 'POST of nothing',
      head: { method: 'POST' },
      wire: 'POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n',
    },
    {
      name: 'unknown length',
      body: 'hello',
      trailers: ['t', 'u', 'host', 'x'],
      wire: 'GET /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nt: u\r\n\r\n',
    },
    {
      name: 'known length',
      head: { fields: ['content-length', '5'] },
      body: 'hello',
      trailers: ['t', 'u'],
      wire: 'GET /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello',
    },
    {
      name: 'OPTIONS *',
      head: { method: 'OPTIONS', path: '*' },
      wire: 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n',
    },
    {
      name: 'te',
      head: { fields: ['te', 'trailers'] },
      wire: 'GET /x HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n',
    },
    {
      name: 'upgrade',
      head: { upgrade: 'websocket' },
      wire: 'GET /x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    },
    {
      name: 'CONNECT',
      head: { method: 'CONNECT', authority: 'a:1', path: '' },
      wire: 'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n',
    },
    { name: 'no authority', head: { authority: '' }, wire: 'GET /x HTTP/1.1\r\nhost: \r\n\r\n' },
    {
      name: 'fields of the connection',
      head: {
        fields: [
          'host',
          'b',
          'connection',
          'close',
          'transfer-encoding',
          'x',
          'te',
          'gzip',
          'keep-alive',
          '1',
        ],
      },
      wire: 'GET /x HTTP/1.1\r\nhost: a\r\n\r\n',
    },
  ]
  for (const { name, head, body, trailers, wire } of cases) {
    const { transport, connection } = start()
    const stream = connection.open({ ...GET, ...head }, body === undefined, new SeenResponse())
    if (body !== undefined) {
      stream.data(Buffer.from(body))
      stream.data(Buffer.alloc(0))
      stream.end(trailers)
    }
    t.equal(transport.take(), wire, name)
    transport.close()
  }
  const { transport, connection } = start()
  const stream = connection.open(GET, false, new SeenResponse())
  transport.take()
  for (const size of [1, 15, 16, 255, 256, 8192, 8193, 70_000]) {
    stream.data(Buffer.alloc(size, 'x'))
    t.equal(transport.take(), `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`, `a chunk of ${size}`)
  }
})

t.test('a request that would break the wire is refused, and the connection stays', async (t) => {
  const heads: Partial<RequestHead>[] = [
    { method: 'GET /x' },
    { method: 'GET\r\nx: y' },
    { method: '' },
    { path: '/ HTTP/1.1\r\nHost: b' },
    { path: '/a b' },
    { path: '/a\nb' },
    { path: '' },
    { path: 'x' },
    { path: '*' },
    { path: '/\u010a' },
    { authority: 'a\r\nx: y' },
    { authority: 'a b' },
    { authority: 'a/b' },
    { fields: ['x', 'y\r\nz: a'] },
    { fields: ['x', 'y\u010dz\u010a'] },
    { fields: ['x', 'y\0'] },
    { fields: ['x: y\r\nz', 'a'] },
    { fields: ['x y', 'z'] },
    { fields: ['content-length', '0x1'] },
    { fields: ['content-length', '1'] },
    { fields: ['content-length', '0', 'content-length', '0'] },
    { upgrade: 'a\r\nb: c' },
    { upgrade: 'a, b' },
  ]
  for (const bad of heads) {
    const { transport, connection } = start()
    const seen = new SeenResponse()
    const stream = connection.open({ ...GET, ...bad }, true, seen)
    t.equal(seen.reset, undefined)
    await settle()
    t.equal(seen.reset, 'protocol', JSON.stringify(bad))
    t.equal(transport.take(), '')
    t.equal(connection.free, 1)
    stream.data(Buffer.from('x'))
    stream.end(undefined)
    stream.reset('cancel')
    t.equal(transport.take(), '')
    t.equal(transport.destroyed, false)
  }
})

const responses: [
  name: string,
  wire: string,
  expected: object,
  head?: Partial<RequestHead>,
  fin?: boolean,
][] = [
  ['content-length', OK, { body: 'ok', ended: true, free: 1 }],
  ['of 0', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', { ended: true, free: 1 }],
  [
    'chunked',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n',
    { body: 'hello', trailers: ['a', 'b'], free: 1 },
  ],
  ['until close', 'HTTP/1.1 200 OK\r\n\r\nhello', { body: 'hello', ended: true, closed: true }, {}, true],
  ['until close, cut', 'HTTP/1.1 200 OK\r\n\r\nhello', { body: 'hello', ended: false, reset: 'connection' }],
  [
    'HEAD',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
    { ended: true, free: 1, head: { fields: ['content-length', '5'] } },
    { method: 'HEAD' },
  ],
  [
    'HEAD chunked',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    { ended: true, free: 1 },
    { method: 'HEAD' },
  ],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', { ended: true, free: 1 }],
  ['304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', { ended: true, free: 1 }],
  ['no reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', { ended: true, free: 1 }],
  [
    'interim',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n' + OK,
    { informational: [100, 103], body: 'ok', free: 1 },
  ],
  [
    'connection: close',
    OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
    { body: 'ok', closed: true, free: 0 },
  ],
  ['HTTP/1.0', OK.replace('1.1', '1.0'), { body: 'ok', closed: true }],
  [
    'HTTP/1.0 keep-alive',
    OK.replace('1.1', '1.0').replace('\r\n\r\n', '\r\nConnection: keep-alive\r\n\r\n'),
    { body: 'ok', free: 1 },
  ],
  [
    'connection fields are not told',
    OK.replace('\r\n\r\n', '\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\n\r\n'),
    { head: { fields: ['content-length', '2'] } },
  ],
  // What breaks RFC 9112 costs the connection; hardening #12 to #14.
  [
    'CL and TE',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    { head: undefined, reset: 'protocol', closed: true },
  ],
  [
    'two CLs',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
    { head: undefined, reset: 'protocol', closed: true },
  ],
  [
    'the same CL twice',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok',
    { reset: 'protocol' },
  ],
  ['TE gzip', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n', { reset: 'protocol' }],
  ['TE in 1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', { reset: 'protocol' }],
  ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok', { reset: 'protocol' }],
  ['bare LF in fields', 'HTTP/1.1 200 OK\r\nContent-Length: 2\nx: y\r\n\r\nok', { reset: 'protocol' }],
  ['obs-fold', 'HTTP/1.1 200 OK\r\nx: y\r\n z\r\n\r\n', { reset: 'protocol' }],
  ['space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok', { reset: 'protocol' }],
  ['version', 'HTTP/2.0 200 OK\r\n\r\n', { reset: 'protocol' }],
  ['ICY', 'ICY 200 OK\r\n\r\n', { reset: 'protocol' }],
  ['status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', { reset: 'protocol' }],
  ['status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', { reset: 'protocol' }],
  ['status below 100', 'HTTP/1.1 099 OK\r\n\r\n', { reset: 'protocol' }],
  ['control in the reason', 'HTTP/1.1 200 O\0K\r\n\r\n', { reset: 'protocol' }],
  ['empty line first', '\r\n' + OK, { reset: 'protocol' }],
  [
    '101 unasked',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    { reset: 'protocol' },
  ],
  [
    '101 to another protocol',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n',
    { reset: 'protocol' },
    { upgrade: 'x' },
  ],
  [
    'interim with a length',
    'HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello' + OK,
    { reset: 'protocol' },
  ],
  [
    'endless interim',
    'HTTP/1.1 100 Continue\r\n\r\n'.repeat(MAX_INFORMATIONAL + 1) + OK,
    { reset: 'protocol' },
  ],
  [
    'bad chunk',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n',
    { body: 'hello', reset: 'protocol' },
  ],
  ['FIN before an answer', '', { reset: 'connection', answered: false }, {}, true],
  ['FIN inside a head', 'HTTP/1.1 200', { reset: 'connection', answered: true }, {}, true],
  ['FIN inside a body', OK.slice(0, -1), { body: 'o', reset: 'connection' }, {}, true],
  [
    'FIN inside chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    { ended: false, reset: 'connection' },
    {},
    true,
  ],
  ['bytes after the answer', OK + OK, { body: 'ok', ended: true, free: 0, closed: true }],
  [
    'a body after 204',
    'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok',
    { ended: true, free: 0, closed: true },
  ],
  ['a body after HEAD', OK, { body: '', ended: true, free: 0, closed: true }, { method: 'HEAD' }],
]

for (const [name, wire, expected, head, fin] of responses) {
  t.test(`response: ${name}`, async (t) => {
    const whole = exchange([wire], head, fin)
    t.match(whole, expected)
    // A body that fails later shows as many bytes as came.
    for (let at = 1; at < wire.length; at++) {
      t.match(exchange([wire.slice(0, at), wire.slice(at)], head, fin), expected, `split at ${at}`)
    }
    t.match(exchange(wire.split(''), head, fin), expected, 'byte by byte')
  })
}

t.test('a head that is too large', async (t) => {
  const huge = `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(HEAD_LIMITS.maxBytes)}\r\n\r\n`
  t.match(exchange([huge]), { reset: 'protocol', head: undefined })
  t.match(exchange([huge.slice(0, 50_000), huge.slice(50_000)]), { reset: 'protocol', head: undefined })
})

t.test('one request at a time, counted; bytes that nobody asked for close the connection', async (t) => {
  const { transport, connection, changes } = start()
  t.match(connection, { protocol: 'http/1.1', free: 1, active: 0, carried: 0, closed: false })
  const first = new SeenResponse()
  const stream = connection.open(GET, true, first)
  t.match(connection, { free: 0, active: 1, carried: 0 })
  const second = new SeenResponse()
  connection.open(GET, true, second)
  await settle()
  t.equal(second.reset, 'refused')
  // The connection is free before its reader hears of the end.
  let freeAtEnd = 0
  first.onOver = () => void (freeAtEnd = connection.free)
  transport.feed(OK)
  t.equal(freeAtEnd, 1)
  t.match(connection, { free: 1, active: 0, carried: 1, closed: false })
  t.equal(changes(), 1)
  // A stream that is over touches nothing.
  stream.reset('cancel')
  stream.pause()
  t.equal(transport.destroyed, false)
  t.equal(transport.paused, false)
  transport.feed('HTTP/1.1 408 Request Timeout\r\n\r\n')
  t.match(connection, { free: 0, closed: true })
  t.equal(transport.destroyed, true)
  t.equal(changes(), 2)
  const third = new SeenResponse()
  connection.open(GET, true, third)
  await settle()
  t.equal(third.reset, 'refused')
})

t.test('an answer that comes before the request left is no answer', async (t) => {
  const { transport, connection } = start()
  const seen = new SeenResponse()
  const stream = connection.open(GET, true, seen)
  transport.handed = 0
  transport.feed(OK)
  t.match(seen, { reset: 'refused', head: undefined })
  t.equal(stream.answered, false)
  t.equal(connection.closed, true)
})

t.test('an early answer', async (t) => {
  {
    const { transport, connection } = start()
    const seen = new SeenResponse()
    const stream = connection.open(GET, false, seen)
    stream.data(Buffer.from('x'))
    transport.feed(OK)
    t.equal(seen.ended, true)
    t.equal(connection.free, 0, 'not free while the request goes on')
    stream.end(undefined)
    t.equal(connection.free, 1)
  }
  {
    const { transport, connection } = start()
    const seen = new SeenResponse()
    const stream = connection.open(GET, false, seen)
    transport.feed(OK)
    stream.reset('cancel')
    t.equal(seen.reset, undefined)
    t.equal(connection.closed, true)
    t.equal(transport.destroyed, true)
  }
  {
    const { transport, connection } = start()
    const seen = new SeenResponse()
    const stream = connection.open(GET, false, seen)
    transport.feed(OK)
    transport.congested = true
    t.equal(stream.data(Buffer.from('x')), false)
    transport.close(new Error('EPIPE'))
    t.match(seen, { ended: true, reset: undefined, writable: 1 }, 'the writer is set free, the answer stands')
    t.equal(stream.data(Buffer.from('x')), true)
    t.equal(connection.active, 0)
  }
})

t.test('a body that is not as long as announced', async (t) => {
  for (const body of ['1234', '123456']) {
    const { transport, connection } = start()
    const seen = new SeenResponse()
    const stream = connection.open({ ...GET, fields: ['content-length', '5'] }, false, seen)
    stream.data(Buffer.from(body))
    stream.end(undefined)
    t.equal(seen.reset, 'protocol')
    t.equal(transport.destroyed, true)
    t.equal(connection.closed, true)
  }
})

t.test('idle connections close before the server does', async (t) => {
  const told = (value: string) => OK.replace('\r\n\r\n', `\r\nKeep-Alive: ${value}\r\n\r\n`)
  const cases: [answer: string, stays: number, gone: number, options?: Http1ClientOptions][] = [
    [OK, 3500, 4500],
    [OK, 9500, 10_500, { idleTimeoutMs: 10_000 }],
    [told('timeout=5'), 3500, 4500, { idleTimeoutMs: 60_000 }],
    [told('max=100, timeout=3'), 1500, 2500],
    [told('timeout=600'), 3500, 4500],
    [told('timeout=1'), 200, 1000],
    [told('timeout=x'), 3500, 4500],
  ]
  for (const [answer, stays, gone, options] of cases) {
    const { transport, connection, clock } = start(options)
    connection.open(GET, true, new SeenResponse())
    clock.advance(100_000)
    t.equal(connection.closed, false, 'never while a request runs')
    transport.feed(answer)
    clock.advance(stays)
    t.equal(connection.free, 1)
    clock.advance(gone - stays)
    t.equal(connection.closed, true)
    t.equal(transport.ended, true)
    clock.advance(10_000)
    t.equal(transport.destroyed, true)
  }
  const { transport, connection } = start()
  connection.open(GET, true, new SeenResponse())
  transport.feed(told('timeout=0'))
  t.equal(connection.closed, true)
  const unused = start({ idleTimeoutMs: 0 })
  unused.clock.advance(1e9)
  t.equal(unused.connection.closed, false)
})

t.test('drain and destroy', async (t) => {
  {
    const { transport, connection } = start()
    connection.drain()
    t.match(connection, { free: 0, closed: true })
    t.equal(transport.ended, true)
  }
  {
    const { transport, connection } = start()
    const seen = new SeenResponse()
    connection.open(GET, true, seen)
    connection.drain()
    t.equal(connection.closed, false)
    transport.feed(OK)
    t.equal(seen.body, 'ok')
    t.equal(connection.closed, true)
  }
  {
    const { connection, changes } = start()
    const seen = new SeenResponse()
    connection.open(GET, true, seen)
    connection.destroy()
    await settle()
    t.equal(seen.reset, 'connection')
    t.equal(connection.closed, true)
    t.equal(changes(), 1)
  }
  {
    const { transport, connection, changes } = start()
    transport.feedEnd()
    t.match(connection, { free: 0, closed: true })
    t.equal(changes(), 1)
    transport.close()
    t.equal(changes(), 1)
  }
})

t.test(
  'random bytes for an answer never throw and never leave a connection that is half broken',
  async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'HTTP/1.1 200 OK\r\n',
        'HTTP/1.1 100 \r\n\r\n',
        'HTTP/1.0 ',
        '304 x\r\n',
        '\r\n',
        '\r\n\r\n',
        '\n',
        '\0',
      ),
      fc.constantFrom(
        'Content-Length: 3\r\n',
        'Transfer-Encoding: chunked\r\n',
        '0\r\n\r\n',
        '3\r\nabc\r\n',
        'abc',
        ': ',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }).map((text) => Buffer.from(text).toString('latin1')),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (pieces, fin) => {
        const result = exchange(
          pieces.filter((one) => one !== ''),
          {},
          fin,
        )
        return result.ended !== (result.reset !== undefined) && (result.free === 0 || result.ended)
      }),
      { numRuns: 3000 },
    )
  },
)
