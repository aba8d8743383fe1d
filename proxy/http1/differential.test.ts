import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { serveHttp1 } from './server.ts'
import { MemoryTransport } from './testing/memory-transport.ts'
import { RecordingServer } from './testing/recorders.ts'

/**
 * Whatever this codec accepts, Node's own parser must frame alike: the same requests with the same bodies.
 * The codec may refuse more. WEFT_SEED and WEFT_RUNS choose other or more messages.
 */
const SEED = Number(process.env['WEFT_SEED'] ?? 20_261_123)
const RUNS = Number(process.env['WEFT_RUNS'] ?? 4000)

type Framed = { method: string; url: string; body: string }

const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

function ours(message: string): { requests: Framed[]; statuses: number[]; ended: boolean } {
  const transport = new MemoryTransport()
  const handler = new RecordingServer(({ stream }) => stream.head({ status: 200, fields: [] }, true))
  serveHttp1(transport, handler, {})
  transport.feed(message)
  const statuses = [...transport.take().matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1]))
  const requests = handler.requests.map(({ head, body }) => ({ method: head.method, url: head.path, body }))
  const ended = transport.ended
  transport.close()
  return { requests, statuses, ended }
}

let seen: Framed[] = []
const server = http.createServer(
  { insecureHTTPParser: false, maxHeaderSize: 60 * 1024 },
  (request, response) => {
    const one: Framed = { method: request.method ?? '', url: request.url ?? '', body: '' }
    request.setEncoding('latin1')
    request.on('data', (chunk: string) => void (one.body += chunk))
    request.on('end', () => {
      seen.push(one)
      response.writeHead(200, { 'content-length': '0' }).end()
    })
  },
)
// Without it Node answers an expectation by itself; the same for ours, which passes it on.
server.on('checkContinue', (request, response) => server.emit('request', request, response))
server.on('checkExpectation', (request, response) => server.emit('request', request, response))

async function nodes(message: string): Promise<Framed[]> {
  seen = []
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.write(Buffer.from(message, 'latin1'))
  // Node that waits for more has framed it otherwise.
  socket.setTimeout(20_000, () => socket.destroy())
  await once(socket, 'close')
  return seen
}

// Without Upgrade: Node, asked to switch inside a request with a body, stops after it; we ignore the wish.
const fieldLine = fc.constantFrom(
  'Content-Length: 3',
  'Content-Length: 0',
  'content-length:3',
  'Content-Length: 03',
  'Content-Length: 3 ',
  'Content-Length:\t3',
  'Transfer-Encoding: chunked',
  'transfer-encoding:Chunked',
  'Transfer-Encoding: chunked ',
  'Transfer-Encoding: gzip, chunked',
  'Connection: keep-alive',
  'Connection: close',
  'Connection: content-length',
  'Connection: transfer-encoding',
  'Connection: upgrade',
  'Expect: 100-continue',
  'TE: trailers',
  'Host: b',
  'X: y',
  'X:',
  'X: \x80\xff"\\',
  'Trailer: x',
)
const method = fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE')
const target = fc.constantFrom(
  '/',
  '/a?b=c',
  '//x',
  '/%00',
  '/a;b=|"^`{}',
  '*',
  'http://a/x',
  '/\\..',
  '/a#b',
)
const version = fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0')
const body = fc.constantFrom(
  '',
  'abc',
  '0\r\n\r\n',
  '3\r\nabc\r\n0\r\n\r\n',
  '003\r\nabc\r\n0\r\nx: y\r\n\r\n',
  '3;a=b\r\nabc\r\n0;q="x;y"\r\n\r\n',
  'A\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n',
  '3\r\nabc\r\n0\r\nContent-Length: 5\r\nHost: z\r\n\r\n',
)
// A framing with the body that it announces; others are mixed at random.
const framed = fc.constantFrom(
  ['', ''],
  ['Content-Length: 3\r\n', 'abc'],
  ['content-length:\t03 \r\n', 'abc'],
  ['Content-Length: 0\r\n', ''],
  ['Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'],
  ['transfer-encoding:Chunked \r\n', '003;a=b\r\nabc\r\n0;q="x;y"\r\nx: y\r\n\r\n'],
  ['Transfer-Encoding: chunked\r\nTrailer: x\r\n', 'A\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n'],
)
const mixed = fc.tuple(
  fc.array(fieldLine, { maxLength: 3 }).map((lines) => lines.map((line) => line + '\r\n').join('')),
  body,
)
const request = fc
  .tuple(method, target, version, fc.oneof({ arbitrary: framed, weight: 6 }, { arbitrary: mixed, weight: 1 }))
  .map(([m, u, v, [lines, b]]) => `${m} ${u} ${v}\r\nHost: a\r\n${lines}\r\n${b}`)
const byte = fc.constantFrom(
  ...' \t\r\n\0:;,="\\/#0123afAF-+x\x7f\x80'.split(''),
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  '\x0b',
)
const mutation = fc.record({ at: fc.nat(400), drop: fc.nat(2), insert: fc.option(byte, { nil: '' }) })
const message = fc
  .tuple(fc.array(request, { minLength: 1, maxLength: 3 }), fc.array(mutation, { maxLength: 1 }))
  .map(([requests, mutations]) => {
    let text = requests.join('')
    for (const { at, drop, insert } of mutations) {
      const place = at % text.length
      text = text.slice(0, place) + insert + text.slice(place + drop)
    }
    return text + LAST
  })

t.test('what is accepted, Node frames alike', async (t) => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  t.comment(`seed ${SEED}, ${RUNS} messages`)
  let accepted = 0
  let refused = 0
  let waiting = 0
  const differences: string[] = []
  for (const text of fc.sample(message, { numRuns: RUNS, seed: SEED })) {
    if (differences.length === 5) break
    const result = ours(text)
    if (result.statuses.some((status) => status !== 200)) refused++
    else if (!result.ended) waiting++
    // Node knows a list of methods; RFC 9110 section 9.1 lets any token be one.
    else if (result.requests.some((one) => !http.METHODS.includes(one.method))) refused++
    else {
      accepted++
      const node = await nodes(text)
      // Absolute-form comes apart here and stays whole there.
      const url = (one: Framed) =>
        one.url.replace(/^https?:\/\/[^/?]*/i, '') || (one.method === 'OPTIONS' ? '*' : '/')
      const plain = (list: Framed[]) => JSON.stringify(list.map((one) => [one.method, url(one), one.body]))
      // We may close earlier (`close` beats `keep-alive`): what was read until then must be the same.
      if (plain(node.slice(0, result.requests.length)) !== plain(result.requests)) {
        differences.push(`${JSON.stringify(text)}\n  ours ${plain(result.requests)}\n  node ${plain(node)}`)
      }
    }
  }
  t.comment(`${accepted} accepted, ${refused} refused, ${waiting} would wait for more`)
  t.same(differences.slice(0, 5), [])
  t.equal(differences.length, 0)
  t.ok(accepted > RUNS / 10, 'enough is accepted to say something')
})
