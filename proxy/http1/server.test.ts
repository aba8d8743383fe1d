import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { Deadlines } from './deadlines.ts'
import { MAX_DISCARD_BYTES } from './limits.ts'
import { serveHttp1, type Http1ServerOptions } from './server.ts'
import { MemoryTransport, settle } from './testing/memory-transport.ts'
import { RecordingServer, type SeenRequest } from './testing/recorders.ts'

function start(answer?: (request: SeenRequest) => void, options: Http1ServerOptions = {}) {
  const clock = new ManualClock()
  const transport = new MemoryTransport()
  const handler = new RecordingServer(answer)
  const connection = serveHttp1(transport, handler, { deadlines: new Deadlines(clock), ...options })
  return { clock, transport, handler, connection, requests: handler.requests }
}

const ok = (request: SeenRequest) => {
  request.stream.head({ status: 200, fields: ['content-length', '2'] }, false)
  request.stream.data(Buffer.from('ok'))
  request.stream.end(undefined)
}
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n'

t.test('answers requests one after the other on one connection', async (t) => {
  const { transport, requests, connection } = start(ok)
  transport.feed(GET)
  t.equal(transport.take(), OK)
  transport.feed('\r\n' + GET)
  t.equal(transport.take(), OK)
  // RFC 9112 section 2.2: an empty line before each, also in reads of its own.
  for (const piece of ['\r', '\n', GET]) transport.feed(piece)
  t.equal(transport.take(), OK)
  t.equal(requests.length, 3)
  t.equal(connection.active, 0)
  t.equal(transport.ended, false)
})

t.test('pipelined requests are answered in order; reading waits for the answer', async (t) => {
  const { transport, requests } = start()
  transport.feed(GET + GET.replace('/a', '/b') + GET.replace('/a', '/c'))
  t.equal(requests.length, 1)
  t.equal(transport.paused, true)
  for (const [index, path] of ['/a', '/b', '/c'].entries()) {
    t.equal(requests.length, index + 1)
    const request = requests[index] as SeenRequest
    t.equal(request.head.path, path)
    request.stream.head({ status: 200, fields: ['x-path', path] }, true)
    // A stale stream touches nothing.
    request.stream.head({ status: 500, fields: [] }, true)
    request.stream.data(Buffer.from('x'))
    request.stream.end(undefined)
    request.stream.pause()
    request.stream.reset('cancel')
  }
  t.equal(
    transport
      .take()
      .match(/x-path: \/./g)
      ?.join(),
    'x-path: /a,x-path: /b,x-path: /c',
  )
  t.equal(transport.paused, false)
  t.equal(transport.destroyed, false)
})

t.test('framing of answers (RFC 9112 section 6)', async (t) => {
  type Case = {
    name: string
    request?: string
    answer: (request: SeenRequest) => void
    wire: string
    ends?: boolean
  }
  const head = (status: number, fields: string[], end: boolean, body?: string, trailers?: string[]) => {
    return ({ stream }: SeenRequest) => {
      stream.head({ status, fields }, end)
      if (body !== undefined) stream.data(Buffer.from(body))
      if (!end) stream.end(trailers)
    }
  }
  const HEAD = GET.replace('GET', 'HEAD')
  const OLD = 'GET / HTTP/1.0\r\n\r\n'
  const OLD_KEEP = 'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n'
  const cases: Case[] = [
    { name: 'no body', answer: head(200, [], true), wire: '200 OK\r\ncontent-length: 0\r\n\r\n' },
    {
      name: 'unknown length',
      answer: head(200, [], false, 'hello'),
      wire: '200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    },
    {
      name: 'trailers',
      answer: head(200, [], false, 'hello', ['x', 'y', 'content-length', '4']),
      wire: '200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n',
    },
    {
      name: 'HEAD tells a length',
      request: HEAD,
      answer: head(200, ['content-length', '9'], true),
      wire: '200 OK\r\ncontent-length: 9\r\n\r\n',
    },
    {
      name: 'HEAD drops a body',
      request: HEAD,
      answer: head(200, [], false, 'hello', ['x', 'y']),
      wire: '200 OK\r\n\r\n',
    },
    { name: '204', answer: head(204, ['content-length', '0'], true), wire: '204 No Content\r\n\r\n' },
    {
      name: '304 tells a length',
      answer: head(304, ['content-length', '7'], true),
      wire: '304 Not Modified\r\ncontent-length: 7\r\n\r\n',
    },
    { name: 'an unnamed status', answer: head(299, [], true), wire: '299 \r\ncontent-length: 0\r\n\r\n' },
    {
      name: '1.0 closes',
      request: OLD,
      answer: head(200, [], true),
      wire: '200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
      ends: true,
    },
    {
      name: '1.0 unknown length',
      request: OLD_KEEP,
      answer: head(200, [], false, 'hello', ['x', 'y']),
      wire: '200 OK\r\nconnection: close\r\n\r\nhello',
      ends: true,
    },
    {
      name: '1.0 keep-alive',
      request: OLD_KEEP,
      answer: head(200, ['content-length', '5'], false, 'hello'),
      wire: '200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nhello',
    },
    {
      name: 'the client closes',
      request: GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
      answer: head(200, [], true),
      wire: '200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
      ends: true,
    },
    {
      name: 'fields of the connection are not sent',
      answer: head(
        200,
        ['connection', 'x', 'keep-alive', '1', 'transfer-encoding', 'gzip', 'upgrade', 'h2c', 'a', 'b'],
        true,
      ),
      wire: '200 OK\r\na: b\r\ncontent-length: 0\r\n\r\n',
    },
  ]
  for (const { name, request, answer, wire, ends } of cases) {
    const { transport, handler } = start(answer)
    transport.feed(request ?? GET)
    t.equal(transport.take(), `HTTP/1.1 ${wire}`, name)
    t.equal(transport.ended, ends ?? false, name)
    t.equal(handler.requests[0]?.reset, undefined)
    transport.close()
    t.equal(handler.closes, 1)
  }
})

t.test('an answer that would break the wire is not sent', async (t) => {
  const fields = [
    ['x', 'a\r\nb: c'],
    ['x', 'a\nb'],
    ['x', 'a\0'],
    ['x', 'a\u010ab'],
    ['x\r\ny', 'a'],
    ['x y', 'a'],
    ['x:', 'a'],
    ['X', 'a'],
    ['', 'a'],
    ['content-length', '5, 5'],
    ['content-length', '-1'],
    ['content-length', '5', 'content-length', '5'],
  ]
  for (const bad of fields) {
    const { transport, requests } = start(({ stream }) => stream.head({ status: 200, fields: bad }, false))
    transport.feed(GET)
    const request = requests[0] as SeenRequest
    await settle()
    t.match(transport.take(), /^HTTP\/1\.1 502 .*connection: close\r\n\r\n[^\r]*\n$/s, JSON.stringify(bad))
    t.equal(transport.ended, true)
    t.equal(request.stream.data(Buffer.from('x')), true)
  }
  for (const status of [0, 99, 100, 101, 199, 1000]) {
    const { transport } = start(({ stream }) => stream.head({ status, fields: [] }, true))
    transport.feed(GET)
    t.match(transport.take(), /^HTTP\/1\.1 502 /, `status ${status}`)
  }
})

t.test('a body that is not as long as announced ends in a RST', async (t) => {
  for (const body of ['1234', '123456']) {
    const { transport, requests } = start()
    transport.feed(GET)
    const { stream } = requests[0] as SeenRequest
    stream.head({ status: 200, fields: ['content-length', '5'] }, false)
    stream.data(Buffer.from(body))
    stream.end(undefined)
    t.equal(transport.aborted, true)
    t.equal(requests[0]?.reset, 'protocol')
  }
})

t.test('reset in the middle of an answer is a RST, never a clean end', async (t) => {
  const { transport, requests, handler } = start()
  transport.feed(GET + GET)
  const { stream } = requests[0] as SeenRequest
  stream.head({ status: 200, fields: [] }, false)
  stream.data(Buffer.from('half'))
  stream.reset('connection')
  t.equal(transport.aborted, true)
  await settle()
  t.equal(requests.length, 1, 'the next request is not started')
  t.equal(requests[0]?.reset, undefined, 'whoever resets hears nothing')
  t.equal(handler.closes, 1)
})

t.test('100-continue (RFC 9110 section 10.1.1)', async (t) => {
  const expecting = POST.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n')
  {
    const { transport, requests } = start(ok)
    transport.feed(expecting)
    const request = requests[0] as SeenRequest
    t.same(request.head.fields, ['content-length', '5', 'expect', '100-continue'])
    request.stream.informational({ status: 100, fields: [] })
    t.equal(transport.take(), 'HTTP/1.1 100 Continue\r\n\r\n')
    request.stream.informational({ status: 103, fields: ['link', '</x>'] })
    t.equal(transport.take(), 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n')
    transport.feed('hello')
    t.equal(transport.take(), OK)
    t.equal(transport.ended, false)
  }
  {
    const { transport, requests } = start()
    transport.feed(expecting)
    requests[0]?.stream.head({ status: 417, fields: [] }, true)
    t.match(transport.take(), /417 Expectation Failed\r\ncontent-length: 0\r\nconnection: close\r\n/)
    t.equal(transport.ended, true, 'the body may or may not come: the connection ends')
    transport.feed('hello' + GET)
    t.equal(requests.length, 1)
  }
  {
    const { transport, requests } = start()
    transport.feed(expecting.replace('1.1', '1.0'))
    requests[0]?.stream.informational({ status: 100, fields: [] })
    t.equal(transport.take(), '', 'no interim answers to HTTP/1.0')
  }
})

t.test(
  'an early answer: the rest of a short request is dropped, a long one costs the connection',
  async (t) => {
    {
      const { transport, requests } = start()
      transport.feed(POST + 'he')
      requests[0]?.stream.head({ status: 413, fields: [] }, true)
      t.equal(transport.ended, false)
      transport.feed('llo' + GET)
      t.equal(requests.length, 2)
      t.equal(requests[0]?.body, 'he')
    }
    {
      const { transport, requests } = start()
      transport.feed(POST.replace('5', String(MAX_DISCARD_BYTES + 10)) + 'he')
      requests[0]?.stream.head({ status: 413, fields: [] }, true)
      t.match(transport.take(), /connection: close/)
      t.equal(transport.ended, true)
      transport.feed('llo' + GET)
      t.equal(requests.length, 1)
    }
    {
      const { transport, requests, clock } = start()
      transport.feed('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
      requests[0]?.stream.head({ status: 413, fields: [] }, true)
      t.equal(transport.ended, false)
      clock.advance(10_000)
      t.equal(transport.ended, true, 'the rest did not come')
    }
  },
)

t.test('a long upload that was answered is read on, so that its client gets to the answer', async (t) => {
  const { transport, requests, clock } = start()
  transport.feed('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  requests[0]?.stream.head({ status: 413, fields: [] }, true)
  const piece = `${MAX_DISCARD_BYTES.toString(16)}\r\n${'x'.repeat(MAX_DISCARD_BYTES)}\r\n`
  for (let second = 0; second < 28; second++) {
    transport.feed(piece)
    clock.advance(1000)
    t.equal(transport.destroyed, false)
  }
  t.equal(transport.ended, true)
  clock.advance(3000)
  t.equal(transport.destroyed, true, 'not without end')
})

t.test('upgrade: both directions become raw bytes', async (t) => {
  const upgrade =
    'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n'
  const { transport, requests, connection } = start()
  transport.feed(upgrade + 'early')
  const request = requests[0] as SeenRequest
  t.match(request.head, { upgrade: 'websocket', path: '/chat', fields: [] })
  t.equal(request.ended, false)
  t.equal(request.body, '', 'nothing is read before the answer')
  request.stream.head({ status: 101, fields: ['sec-websocket-accept', 'x'] }, false)
  t.equal(
    transport.take(),
    'HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
  )
  t.equal(request.body, 'early')
  transport.feed('GET / HTTP/1.1\r\n\r\n')
  t.equal(request.body, 'earlyGET / HTTP/1.1\r\n\r\n')
  request.stream.data(Buffer.from('raw'))
  t.equal(transport.take(), 'raw')
  transport.feedEnd()
  t.equal(request.ended, true)
  t.equal(transport.ended, false)
  request.stream.data(Buffer.from('still'))
  request.stream.end(undefined)
  t.equal(transport.take(), 'still')
  t.equal(transport.ended, true)
  t.equal(connection.active, 0)
})

t.test('upgrade refused: the connection goes on as HTTP/1.1', async (t) => {
  const upgrade = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  const { transport, requests } = start()
  transport.feed(upgrade + GET)
  requests[0]?.stream.head({ status: 403, fields: [] }, false)
  t.equal(requests[0]?.ended, true)
  requests[0]?.stream.end(undefined)
  t.equal(requests.length, 2)
  const sync = start(({ stream }) => stream.head({ status: 403, fields: [] }, false))
  sync.transport.feed(upgrade)
  t.equal(sync.requests[0]?.ended, true, 'also inside onRequest')
})

t.test('upgrades that are ignored', async (t) => {
  const lines = 'Connection: Upgrade\r\nUpgrade: '
  for (const request of [
    `GET / HTTP/1.1\r\nHost: a\r\n${lines}h2c\r\nHTTP2-Settings: AAA\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n`,
    `GET / HTTP/1.0\r\n${lines}websocket\r\n\r\n`,
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n${lines}websocket\r\n\r\nx`,
  ]) {
    const { transport, requests } = start()
    transport.feed(request)
    t.match(requests[0]?.summary, { upgrade: '', ended: true }, JSON.stringify(request))
    t.notOk(requests[0]?.head.fields.includes('http2-settings'))
  }
})

t.test('CONNECT: 2xx opens a tunnel without length, anything else closes', async (t) => {
  const connect = 'CONNECT a.example:443 HTTP/1.1\r\nHost: b\r\n\r\n'
  {
    const { transport, requests } = start()
    transport.feed(connect + '\x16\x03')
    const request = requests[0] as SeenRequest
    t.match(request.head, { method: 'CONNECT', path: '', authority: 'a.example:443' })
    request.stream.head({ status: 200, fields: ['content-length', '0'] }, false)
    t.equal(transport.take(), 'HTTP/1.1 200 OK\r\n\r\n')
    t.equal(request.body, '\x16\x03')
    request.stream.end(undefined)
    t.equal(transport.ended, true)
    transport.feed('more')
    t.equal(request.body, '\x16\x03more')
    transport.feedEnd()
    t.equal(request.ended, true)
  }
  {
    const { transport, requests } = start()
    transport.feed(connect + GET)
    requests[0]?.stream.head({ status: 403, fields: [] }, true)
    t.match(transport.take(), /^HTTP\/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close/)
    t.equal(transport.ended, true)
    t.equal(requests.length, 1)
  }
})

t.test('what a client leaves unfinished', async (t) => {
  {
    const { transport, requests } = start()
    transport.feed(POST + 'he')
    transport.feedEnd()
    await settle()
    t.equal(requests[0]?.reset, 'connection')
    t.equal(transport.destroyed, true)
  }
  {
    const { transport, requests } = start()
    transport.feed(GET)
    transport.close(new Error('ECONNRESET'))
    t.equal(requests[0]?.reset, 'cancel')
  }
  {
    const { transport, requests } = start()
    transport.feed(GET)
    transport.feedEnd()
    t.equal(requests[0]?.reset, 'cancel', 'who ends his side has given up')
    t.equal(transport.destroyed, true)
  }
  {
    const { transport, requests } = start(undefined, { keepHalfClosed: true })
    transport.feed(GET)
    transport.feedEnd()
    t.equal(requests[0]?.reset, undefined, 'a half-closed client still gets its answer')
    requests[0]?.stream.head({ status: 200, fields: [] }, true)
    t.match(transport.take(), /connection: close/)
    t.equal(transport.ended, true)
  }
  {
    const { transport, requests } = start(undefined, { keepHalfClosed: true })
    transport.feed(GET + GET.replace('/a', '/b'))
    transport.feedEnd()
    ok(requests[0] as SeenRequest)
    t.equal(requests[1]?.head.path, '/b', 'what came before the FIN is still answered')
    ok(requests[1] as SeenRequest)
    t.equal(transport.ended, true)
  }
  {
    const { transport, handler } = start()
    transport.feed('GET / HT')
    transport.feedEnd()
    t.equal(transport.ended, true)
    t.equal(transport.take(), '')
    transport.close()
    t.equal(handler.closes, 1)
  }
})

t.test('timeouts', async (t) => {
  {
    const { transport, clock } = start(ok, { headersTimeoutMs: 1000, idleTimeoutMs: 5000 })
    transport.feed('GET / HT')
    clock.advance(800)
    transport.feed('TP/1.1\r\n')
    clock.advance(800)
    t.match(transport.take(), /^HTTP\/1.1 408 /, 'a drip does not refresh it')
    t.equal(transport.ended, true)
    clock.advance(5000)
    t.equal(transport.destroyed, true)
  }
  {
    const { transport, clock } = start(ok, { headersTimeoutMs: 1000, idleTimeoutMs: 5000 })
    transport.feed(GET)
    transport.take()
    clock.advance(4000)
    transport.feed(GET)
    clock.advance(4000)
    t.equal(transport.ended, false)
    clock.advance(2000)
    t.equal(transport.ended, true)
    t.equal(transport.take(), OK)
  }
  {
    const { transport, clock } = start(undefined, { headersTimeoutMs: 0, idleTimeoutMs: 0 })
    clock.advance(10_000_000)
    transport.feed('GET ')
    clock.advance(10_000_000)
    t.equal(transport.ended, false)
  }
})

t.test(
  'drain: the running request is answered, then the connection ends; an idle one gets one more',
  async (t) => {
    {
      const { transport, requests, connection } = start()
      transport.feed(GET + GET)
      connection.drain()
      t.equal(transport.ended, false)
      ok(requests[0] as SeenRequest)
      t.equal(transport.take(), 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok')
      t.equal(transport.ended, true)
      t.equal(requests.length, 1)
    }
    {
      // A request may be on its way, on a new connection or a kept one: no FIN may meet it.
      for (const before of ['', GET]) {
        const { transport, connection } = start(ok)
        transport.feed(before)
        transport.take()
        connection.drain()
        t.equal(transport.ended, false)
        transport.feed(GET)
        t.match(transport.take(), 'connection: close')
        t.equal(transport.ended, true)
      }
    }
    {
      const { transport, connection, clock } = start(ok)
      transport.feed(GET)
      connection.drain()
      clock.advance(3000)
      t.equal(transport.ended, true)
    }
  },
)

t.test('a slow reader of the last answer is waited for, once', async (t) => {
  const { transport, clock } = start(ok)
  transport.feed(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  t.equal(transport.ended, true)
  transport.pending = 1000
  clock.advance(10_000)
  t.equal(transport.destroyed, false)
  clock.advance(60_000)
  t.equal(transport.destroyed, true)
})

t.test('a client that is given up for taking nothing is told apart from one that went', async (t) => {
  for (const [given, told] of [
    ['stalled', 'stalled'],
    [undefined, 'cancel'],
  ] as const) {
    const { transport, requests, connection } = start()
    transport.feed(GET)
    connection.destroy(given)
    await settle()
    t.equal(requests[0]?.reset, told)
  }
})

t.test('backpressure: congestion is told, a paused reader pauses the transport', async (t) => {
  const { transport, requests } = start()
  transport.feed(POST)
  const request = requests[0] as SeenRequest
  request.stream.pause()
  t.equal(transport.paused, true)
  transport.feed('hello')
  t.equal(request.body, '')
  request.stream.resume()
  await settle()
  t.equal(request.body, 'hello')
  request.stream.head({ status: 200, fields: [] }, false)
  transport.congested = true
  t.equal(request.stream.data(Buffer.from('x')), false)
  transport.congested = false
  transport.reader.onWritable()
  t.equal(request.writable, 1)
  request.stream.pause()
  request.stream.end(undefined)
  t.equal(transport.paused, false, 'the next request is not held back')
})
