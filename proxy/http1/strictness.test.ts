import fc from 'fast-check'
import t, { type Test } from 'tap'
import { HEAD_LIMITS } from '../http/head-limits.ts'
import type { ServerStream } from '../http/stream.ts'
import { MAX_EXTENSION_BYTES } from './limits.ts'
import { serveHttp1 } from './server.ts'
import { MemoryTransport } from './testing/memory-transport.ts'
import { RecordingServer } from './testing/recorders.ts'

/** What became of `pieces` on one connection. */
function outcome(pieces: readonly string[]) {
  const transport = new MemoryTransport()
  const handler = new RecordingServer(({ stream }: { stream: ServerStream }) => {
    stream.head({ status: 200, fields: [] }, true)
  })
  serveHttp1(transport, handler, {})
  for (const piece of pieces) transport.feed(piece)
  const output = transport.take()
  const result = {
    requests: handler.requests.map((request) => request.summary),
    statuses: [...output.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1])),
    ended: transport.ended,
  }
  transport.close()
  return result
}

function atEverySplit(t: Test, message: string, name: string): void {
  const whole = JSON.stringify(outcome([message]))
  for (let at = 1; at < message.length; at++) {
    if (JSON.stringify(outcome([message.slice(0, at), message.slice(at)])) !== whole) {
      t.fail(`${name}: split at ${at} gives another result`)
      return
    }
  }
  const bytes = JSON.stringify(outcome(message.split('')))
  t.equal(bytes, whole, `${name}: the same at every split`)
}

const line = (target: string, fields = 'Host: a\r\n') => `GET ${target} HTTP/1.1\r\n${fields}\r\n`
const fields = (text: string) => `GET / HTTP/1.1\r\nHost: a\r\n${text}\r\n`
const chunked = (text: string) => `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${text}`

// Each is followed by a second, good request in the test.
const good: [name: string, message: string, expected: object][] = [
  [
    'RFC 9112 3: plain',
    line('/a?b=c'),
    { method: 'GET', path: '/a?b=c', authority: 'a', scheme: 'http', fields: [] },
  ],
  ['RFC 9112 2.2: one empty line first', '\r\n' + line('/a'), { path: '/a' }],
  ['RFC 9112 3.2.1: bytes as they came', line('//a/../%2f\\;x=|{}"^'), { path: '//a/../%2f\\;x=|{}"^' }],
  ['RFC 9112 3.2.2: absolute-form', line('http://A:80/x', 'Host: a\r\n'), { path: '/x', authority: 'A:80' }],
  ['RFC 9112 3.2.2: absolute-form without path', line('https://a?q'), { path: '/?q', scheme: 'https' }],
  ['RFC 9112 3.2.4: OPTIONS *', line('*').replace('GET', 'OPTIONS'), { path: '*', method: 'OPTIONS' }],
  ['RFC 9112 3.2.4: OPTIONS of a whole host', line('http://a').replace('GET', 'OPTIONS'), { path: '*' }],
  ['RFC 9110 9.1: any token is a method', line('/').replace('GET', "a!#$%&'*+-.^_`|~9"), { path: '/' }],
  ['RFC 9110 5.1: names in any case', fields('X-ABC: D\r\n'), { fields: ['x-abc', 'D'] }],
  [
    'RFC 9110 5.5: optional white space',
    fields('x: \t a b \t \r\ny:\r\n'),
    { fields: ['x', 'a b', 'y', ''] },
  ],
  ['RFC 9110 5.5: obs-text', fields('x: \x80\xff\r\n'), { fields: ['x', '\x80\xff'] }],
  [
    'RFC 9110 5.3: repeated fields in order',
    fields('x: 1\r\ny: 2\r\nx: 3\r\n'),
    { fields: ['x', '1', 'y', '2', 'x', '3'] },
  ],
  ['RFC 9110 7.2: host with port and IPv6', line('/', 'Host: [::1]:80\r\n'), { authority: '[::1]:80' }],
  ['RFC 9110 7.2: empty Host', line('/', 'Host:\r\n'), { authority: '' }],
  [
    'names of Object.prototype',
    fields('__proto__: a\r\nconstructor: b\r\n'),
    { fields: ['__proto__', 'a', 'constructor', 'b'] },
  ],
  [
    'RFC 9110 7.6.1: Connection names fields',
    fields(
      'Connection: close-not, x-hop, Keep-Alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\n',
    ),
    { fields: [] },
  ],
  [
    "RFC 9110 7.6.1: but not those that are nobody's to remove",
    fields('Connection: x-forwarded-for, authorization\r\nX-Forwarded-For: 1\r\nAuthorization: b\r\n'),
    { fields: ['x-forwarded-for', '1', 'authorization', 'b'] },
  ],
  ['RFC 9110 10.1.4: te', fields('TE: gzip, trailers\r\nConnection: te\r\n'), { fields: ['te', 'trailers'] }],
  ['RFC 9110 10.1.4: another te', fields('TE: gzip\r\nConnection: te\r\n'), { fields: [] }],
  [
    'RFC 9112 6.2: content-length',
    fields('Content-Length: 5\r\n') + 'hello',
    { body: 'hello', fields: ['content-length', '5'] },
  ],
  ['RFC 9112 6.2: of 0', fields('Content-Length: 0\r\n'), { body: '' }],
  [
    'RFC 9112 7.1: chunks',
    chunked('5\r\nhello\r\n00A\r\n, a world!\r\n0\r\n\r\n').replace('00A', '00a'),
    { body: 'hello, a world!' },
  ],
  ['RFC 9112 7.1: TE in any case', chunked('0\r\n\r\n').replace('chunked', 'CHUNKED'), { body: '' }],
  [
    'RFC 9112 7.1.1: extensions are dropped',
    chunked('5;a;b=c;d="e;\\"\\\\f"\r\nhello\r\n0;x\r\n\r\n'),
    { body: 'hello' },
  ],
  ['RFC 9112 7.1.2: trailers', chunked('0\r\nA: b\r\nC:d\r\n\r\n'), { trailers: ['a', 'b', 'c', 'd'] }],
  [
    'RFC 9110 6.5.1: not as trailers',
    chunked('0\r\nConnection: x\r\nKeep-Alive: y\r\n\r\n'),
    { trailers: undefined },
  ],
]

for (const [name, message, expected] of good) {
  t.test(`good: ${name}`, async (t) => {
    const next = line('/next')
    const result = outcome([message + next])
    t.same(result.statuses, [200, 200])
    t.match(result.requests[0], { ...expected, ended: true, reset: undefined })
    t.equal(result.requests[1]?.path, '/next')
    atEverySplit(t, message + next, name)
  })
}

const bad: [name: string, message: string, status: number][] = [
  // Request line, RFC 9112 section 3.
  ['bare LF after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
  ['bare CR in the request line', 'GET / HTTP/1.1\rHost: a\r\n\r\n', 400],
  ['two empty lines first', '\r\n\r\n' + line('/'), 400],
  ['LF first', '\n' + line('/'), 400],
  ['CR first', '\rGET / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['space first', ' ' + line('/'), 400],
  ['no method', ' / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['method is no token', line('/').replace('GET', 'GE(T'), 400],
  ['method with a tab', line('/').replace('GET ', 'GET\t'), 400],
  ['method too long', line('/').replace('GET', 'G'.repeat(33)), 501],
  ['two spaces', line('/').replace('GET ', 'GET  '), 400],
  ['two spaces before the version', line('/').replace(' HTTP', '  HTTP'), 400],
  ['space in the target', line('/a b'), 400],
  ['tab in the target', line('/a\tb'), 400],
  ['NUL in the target', line('/a\0b'), 400],
  ['control in the target', line('/a\x7fb'), 400],
  ['bytes above ASCII in the target', line('/\xe9'), 400],
  ['fragment', line('/a#b'), 400],
  ['no target', 'GET HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['relative target', line('a/b'), 400],
  ['other scheme', line('ftp://a/'), 400],
  ['target without host', line('http:///a'), 400],
  ['user information', line('http://u@a/'), 400],
  ['* of another method', line('*'), 400],
  ['target too long', line('/' + 'a'.repeat(HEAD_LIMITS.maxBytes)), 414],
  ['target without end', 'GET /' + 'a'.repeat(HEAD_LIMITS.maxBytes + 100), 414],
  ['no version', 'GET /\r\nHost: a\r\n\r\n', 400],
  ['version in lower case', line('/').replace('HTTP', 'http'), 400],
  ['version 1.10', line('/').replace('1.1', '1.10'), 400],
  ['version 1.2', line('/').replace('1.1', '1.2'), 505],
  ['version 2.0', line('/').replace('1.1', '2.0'), 505],
  ['version 0.9', line('/').replace('1.1', '0.9'), 505],
  ['version without digits', line('/').replace('1.1', 'x.y'), 400],
  ['space after the version', line('/').replace('1.1', '1.1 '), 400],
  ['CONNECT without port', line('a').replace('GET', 'CONNECT'), 400],
  ['CONNECT with a path', line('/').replace('GET', 'CONNECT'), 400],
  ['CONNECT with a body', fields('Content-Length: 1\r\n').replace('GET /', 'CONNECT a:1') + 'x', 400],
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc', 400],
  // Fields, RFC 9112 section 5.
  ['no colon', fields('x\r\n'), 400],
  ['no name', fields(': x\r\n'), 400],
  ['space before the colon', fields('x : y\r\n'), 400],
  ['tab before the colon', fields('x\t: y\r\n'), 400],
  ['space in the name', fields('x y: z\r\n'), 400],
  ['space before the name', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400],
  ['obs-fold', fields('x: y\r\n z\r\n'), 400],
  ['obs-fold with a tab', fields('x: y\r\n\tz\r\n'), 400],
  ['obs-fold of an empty value', fields('x:\r\n y\r\n'), 400],
  ['bare LF after a field', fields('x: y\nz: a\r\n'), 400],
  ['bare LF in a value', fields('x: y\nContent-Length: 5\r\n'), 400],
  ['bare CR in a value', fields('x: y\rz\r\n'), 400],
  ['CR CR LF', fields('x: y\r\r\n'), 400],
  ['LF LF for the end', 'GET / HTTP/1.1\r\nHost: a\n\n', 400],
  ['CRLF LF for the end', 'GET / HTTP/1.1\r\nHost: a\r\n\n', 400],
  ['NUL in a value', fields('x: y\0z\r\n'), 400],
  ['control in a value', fields('x: \x01\r\n'), 400],
  ['DEL in a value', fields('x: \x7f\r\n'), 400],
  ['NUL in a name', fields('x\0: y\r\n'), 400],
  ['name above ASCII', fields('\xe9: y\r\n'), 400],
  ['vertical tab before a length', fields('Content-Length:\x0b5\r\n'), 400],
  ['too many fields', fields('a: b\r\n'.repeat(HEAD_LIMITS.maxFields)), 431],
  ['a large field', fields(`x: ${'y'.repeat(HEAD_LIMITS.maxBytes)}\r\n`), 431],
  ['many large fields', fields(`x: ${'y'.repeat(HEAD_LIMITS.maxBytes / 60)}\r\n`.repeat(61)), 431],
  // Host, RFC 9112 section 3.2.
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', fields('Host: b\r\n'), 400],
  ['the same Host twice', fields('Host: a\r\n'), 400],
  ['Host is a list', line('/', 'Host: a, b\r\n'), 400],
  ['Host with a path', line('/', 'Host: a/b\r\n'), 400],
  ['Host with user information', line('/', 'Host: u@a\r\n'), 400],
  ['Host with a bad port', line('/', 'Host: a:b\r\n'), 400],
  ['Host with two ports', line('/', 'Host: a:1:2\r\n'), 400],
  ['Host with an open bracket', line('/', 'Host: [::1\r\n'), 400],
  ['Host without a host', line('/', 'Host: :80\r\n'), 400],
  ['Host contradicts the target', line('http://b/'), 400],
  ["Host contradicts the target's port", line('http://a:81/'), 400],
  // Length, RFC 9112 section 6; hardening #12.
  ['RFC 9113 3.4: PRI is for HTTP/2', line('/').replace('GET', 'PRI'), 400],
  ['CL.TE', chunked('0\r\n\r\n').replace('Host', 'Content-Length: 4\r\nHost'), 400],
  ['TE.CL', chunked('0\r\n\r\n').replace('chunked\r\n', 'chunked\r\nContent-Length: 4\r\n'), 400],
  ['CL.CL', fields('Content-Length: 5\r\nContent-Length: 6\r\n') + 'hello', 400],
  ['the same CL twice', fields('Content-Length: 5\r\nContent-Length: 5\r\n') + 'hello', 400],
  ['CL is a list', fields('Content-Length: 5, 5\r\n') + 'hello', 400],
  ['CL with a sign', fields('Content-Length: +5\r\n') + 'hello', 400],
  ['CL negative', fields('Content-Length: -5\r\n') + 'hello', 400],
  ['CL hexadecimal', fields('Content-Length: 0x5\r\n') + 'hello', 400],
  ['CL with a space', fields('Content-Length: 5 5\r\n') + 'hello', 400],
  ['CL empty', fields('Content-Length:\r\n'), 400],
  ['CL too large', fields('Content-Length: 99999999999999999999\r\n'), 400],
  ['CL with a dot', fields('Content-Length: 5.0\r\n') + 'hello', 400],
  ['TE.TE', chunked('0\r\n\r\n').replace('chunked\r\n', 'chunked\r\nTransfer-Encoding: chunked\r\n'), 400],
  [
    'TE.TE, one unknown',
    chunked('0\r\n\r\n').replace('chunked\r\n', 'chunked\r\nTransfer-Encoding: x\r\n'),
    400,
  ],
  ['TE is a list', chunked('0\r\n\r\n').replace('chunked', 'gzip, chunked'), 400],
  ['TE, chunked twice', chunked('0\r\n\r\n').replace('chunked', 'chunked, chunked'), 400],
  ['TE, chunked not last', chunked('0\r\n\r\n').replace('chunked', 'chunked, identity'), 400],
  ['TE identity', chunked('').replace('chunked', 'identity'), 400],
  ['TE xchunked', chunked('0\r\n\r\n').replace('chunked', 'xchunked'), 400],
  ['TE quoted', chunked('0\r\n\r\n').replace('chunked', '"chunked"'), 400],
  ['TE with a parameter', chunked('0\r\n\r\n').replace('chunked', 'chunked;a=b'), 400],
  [
    'TE with a tab behind it (llhttp reads another coding)',
    chunked('0\r\n\r\n').replace('chunked', 'chunked\t'),
    400,
  ],
  ['TE with space and tab behind it', chunked('0\r\n\r\n').replace('chunked', 'chunked \t'), 400],
  ['TE empty', chunked('0\r\n\r\n').replace('chunked', ''), 400],
  ['TE in HTTP/1.0', chunked('0\r\n\r\n').replace('1.1', '1.0'), 400],
  // Chunks, RFC 9112 section 7.1; hardening #12 and #13.
  ['chunk size missing', chunked('\r\n'), 400],
  ['chunk size of no digits', chunked('x\r\n'), 400],
  ['chunk size with 0x', chunked('0x5\r\nhello\r\n'), 400],
  ['chunk size with a sign', chunked('+5\r\nhello\r\n'), 400],
  ['chunk size negative', chunked('-1\r\n'), 400],
  ['chunk size with a space', chunked('5 \r\nhello\r\n'), 400],
  ['chunk size with a space first', chunked(' 5\r\nhello\r\n'), 400],
  ['chunk size that overflows', chunked('FFFFFFFFFFFFFFFFF\r\n'), 400],
  ['chunk size with many zeros', chunked('0000000000000005\r\nhello\r\n'), 400],
  ['chunk size with bare LF', chunked('5\nhello\r\n0\r\n\r\n'), 400],
  ['chunk size with bare CR', chunked('5\rxhello\r\n0\r\n\r\n'), 400],
  ['chunk longer than its size', chunked('5\r\nhello!\r\n0\r\n\r\n'), 400],
  ['chunk ends in bare LF', chunked('5\r\nhello\n0\r\n\r\n'), 400],
  ['chunk ends in bare CR', chunked('5\r\nhello\r0\r\n\r\n'), 400],
  ['extension with bare LF', chunked('5;a\nhello\r\n0\r\n\r\n'), 400],
  ['extension with bare CR', chunked('5;a\rb\r\nhello\r\n'), 400],
  ['extension with NUL', chunked('5;a="\0"\r\nhello\r\n'), 400],
  ['extension without a name', chunked('5;\r\nhello\r\n'), 400],
  ['extension without a value', chunked('5;a=\r\nhello\r\n'), 400],
  ['extension with an open quote', chunked('5;a="\r\nhello\r\n'), 400],
  ['extensions too long', chunked(`5;${'a'.repeat(MAX_EXTENSION_BYTES + 1)}\r\nhello\r\n`), 413],
  ['many small extensions', chunked('1;aaaaaaaaa\r\nx\r\n'.repeat(MAX_EXTENSION_BYTES / 10)), 413],
  ['trailer with bare LF', chunked('0\r\na: b\n\r\n'), 400],
  ['trailer with a space before the colon', chunked('0\r\na : b\r\n\r\n'), 400],
  ['trailer without a colon', chunked('0\r\nab\r\n\r\n'), 400],
  ['Host as a trailer', chunked('0\r\nHost: b\r\n\r\n'), 400],
  ['CL as a trailer', chunked('0\r\nContent-Length: 3\r\n\r\n'), 400],
  ['TE as a trailer', chunked('0\r\nTransfer-Encoding: chunked\r\n\r\n'), 400],
  ['trailers too large', chunked(`0\r\na: ${'b'.repeat(HEAD_LIMITS.maxBytes)}\r\n\r\n`), 431],
  ['too many trailers', chunked(`0\r\n${'a: b\r\n'.repeat(HEAD_LIMITS.maxFields + 1)}\r\n`), 431],
]

for (const [name, message, status] of bad) {
  t.test(`bad: ${name}`, async (t) => {
    const result = outcome([message + line('/smuggled')])
    t.same(result.statuses, [status])
    t.equal(result.ended, true)
    t.notOk(result.requests.some((request) => request.path === '/smuggled'))
    const small = message.length < 500
    if (small) {
      const whole = message + line('/smuggled')
      for (let at = 1; at < whole.length; at++) {
        const split = outcome([whole.slice(0, at), whole.slice(at)])
        if (split.statuses.join() !== String(status) || !split.ended)
          t.fail(`split at ${at}: ${split.statuses.join()}`)
      }
    }
    const bytes = outcome(message.length < 100_000 ? (message + line('/smuggled')).split('') : [message])
    t.same(bytes.statuses, [status], 'byte by byte')
  })
}

t.test('random bytes never throw, and are answered once at most with an error', async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'GET ',
      '/ ',
      'HTTP/1.1',
      'HTTP/1.0',
      '\r\n',
      '\r\n\r\n',
      '\n',
      '\r',
      ' ',
      ':',
      '\t',
      '\0',
      ';',
      '"',
    ),
    fc.constantFrom(
      'Host: a\r\n',
      'POST / HTTP/1.1\r\n',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
    ),
    fc.constantFrom(
      'Connection: close\r\n',
      'Upgrade: x\r\nConnection: upgrade\r\n',
      '0\r\n\r\n',
      '3\r\nabc\r\n',
      'abc',
    ),
    fc.string({ unit: 'binary', maxLength: 8 }).map((text) => Buffer.from(text).toString('latin1')),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const split = outcome(pieces.filter((one) => one !== ''))
      const errors = split.statuses.filter((status) => status !== 200)
      return errors.length <= 1 && (errors.length === 0 || split.ended)
    }),
    { numRuns: 3000 },
  )
})
