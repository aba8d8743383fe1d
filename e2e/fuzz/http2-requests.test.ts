import fc from 'fast-check'
import t from 'tap'
import * as frame from '../../proxy/http2/frame.ts'
import { serveHttp2 } from '../../proxy/http2/server.ts'
import { MemoryWire } from '../../proxy/http2/testing/memory-wire.ts'
import { RawPeer } from '../../proxy/http2/testing/raw-peer.ts'
import { RecordingHandler } from '../../proxy/http2/testing/recorder.ts'
import { SEEDS } from './seeds.ts'
import { forwardedRequest } from './view/forwarded.ts'
import { requestDifference, SENTINEL } from './view/framed.ts'
import { nodeRequestView } from './view/node-parser.ts'
import { weftServerView } from './view/weft-server.ts'

// What comes over HTTP/2 and goes on in HTTP/1.1 is one request there, whatever its fields try (RFC 9113 section 10.3).

const RUNS = 2000

const text = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 12,
})
/** One of `good`, now and then one of `bad` or any text. */
const mostly = (good: readonly string[], bad: readonly string[]) =>
  fc.oneof(
    { weight: 16, arbitrary: fc.constantFrom(...good) },
    { weight: 1, arbitrary: fc.constantFrom(...bad) },
    { weight: 1, arbitrary: text },
  )
const INNER = '\r\n\r\nGET /inner HTTP/1.1\r\nhost: a\r\n\r\n'
const name = mostly(
  ['a', 'x-b', 'cookie', 'accept', '__proto__', 'trailer', 'expect'],
  [
    'host',
    'content-length',
    'transfer-encoding',
    'connection',
    'upgrade',
    'te',
    'X-Upper',
    'x y',
    'x:',
    'x\r\ny',
    '',
  ],
)
const value = mostly(
  ['1', '5', 'trailers', 'a.test', 'b=c', '100-continue', 'é', ''],
  ['chunked', '0, 5', '+5', ' 5', '5 ', `v${INNER}`, 'a\nb', 'a\0', '\x7f'],
)
const request = fc.record({
  method: mostly(['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT'], ['GET / HTTP/1.1\r\nx: y', 'PRI']),
  scheme: mostly(['http', 'https'], ['ftp']),
  path: mostly(['/', '/a?b', '//', '/%00', '/é'], ['/a b', `/${INNER}`, '*', 'http://b/']),
  authority: mostly(['a.test', 'a.test:80', '[::1]'], ['a\r\nb', 'a,b', 'u@a']),
  fields: fc.array(fc.tuple(name, value), { maxLength: 3 }),
  body: mostly(['', '', 'hello', `0\r\n${INNER}`], [SENTINEL]),
  trailers: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.tuple(name, value), { maxLength: 1 }) },
  ),
})

for (const seed of SEEDS) {
  t.test('a request that came over HTTP/2 is one request in HTTP/1.1', async (t) => {
    t.comment(`seed ${seed} (WEFT_SEED=${seed} repeats it), ${RUNS} requests`)
    const failures: string[] = []
    let accepted = 0
    for (const one of fc.sample(request, { numRuns: RUNS, seed })) {
      const wire = new MemoryWire()
      const handler = new RecordingHandler()
      serveHttp2(wire.right, handler)
      const peer = new RawPeer(wire.left)
      peer.preface()
      const head = [
        ':method',
        one.method,
        ':scheme',
        one.scheme,
        ':path',
        one.path,
        ':authority',
        one.authority,
      ]
      const whole = one.body === '' && one.trailers.length === 0
      peer.headers(1, [...head, ...one.fields.flat()], whole)
      if (one.body !== '')
        peer.frame(frame.DATA, one.trailers.length === 0 ? frame.END_STREAM : 0, 1, one.body)
      if (one.trailers.length > 0) peer.headers(1, one.trailers.flat())
      wire.run()
      const [seen] = handler.requests
      if (seen === undefined || seen.reset !== undefined || !seen.ended) continue
      const bytes = forwardedRequest({
        method: seen.request.method,
        target: seen.request.path,
        body: seen.text,
        head: seen.request,
        headOnly: whole,
        trailers: seen.trailers,
        to: 0,
      })
      if (bytes.length === 0) continue
      accepted++
      const sentinel = { method: 'GET', target: '/sentinel', body: '' }
      const expected = [{ method: one.method, target: one.path, body: one.body }, sentinel]
      const stream = Buffer.concat([bytes, Buffer.from(SENTINEL)])
      const node = nodeRequestView(stream)
      const ours = weftServerView(stream).accepted
      const difference =
        requestDifference(expected, node.messages, node.waits) ?? requestDifference(expected, ours, false)
      if (difference !== undefined || ours.length < 2)
        failures.push(`${difference ?? 'refused by ourselves'}: ${JSON.stringify(bytes.toString('latin1'))}`)
    }
    t.comment(`${accepted} went on`)
    t.same(failures.slice(0, 3), [])
    t.ok(accepted > RUNS / 5, 'enough goes on to say something')
  })
}
