import fc from 'fast-check'
import { dualFraming, framing, strayBody } from './bodies.ts'
import { connectionLine, plainLine, smugglingLine } from './field-lines.ts'
import { mutated, mutation } from './mutations.ts'

/** What one server sends for one request of `method`, until it ends its side. */
export interface ResponseStream {
  readonly method: string
  readonly bytes: Buffer
  /** Messages that were written into it. */
  readonly messages: number
}

const method = fc.constantFrom('GET', 'GET', 'GET', 'POST', 'HEAD', 'OPTIONS', 'DELETE')
const statusLine = fc.oneof(
  { arbitrary: fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.1 200 ', 'HTTP/1.1 404 Not Found'), weight: 10 },
  {
    arbitrary: fc.constantFrom(
      'HTTP/1.1 204 No Content',
      'HTTP/1.1 304 Not Modified',
      'HTTP/1.1 205 Reset Content',
      'HTTP/1.0 200 OK',
      'HTTP/1.1 200',
      'HTTP/1.1 206 \x80\xff\t"',
      'HTTP/1.1 500 a  b',
      'HTTP/1.1 999 x',
    ),
    weight: 5,
  },
  fc.constantFrom(
    'HTTP/1.1 101 Switching Protocols',
    'HTTP/1.1 099 x',
    'HTTP/1.1 1000 x',
    'HTTP/1.1  200 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 +20 OK',
    'HTTP/1.1 2OO OK',
    'HTTP/1.1 200\tOK',
    'HTTP/1.1 200 O\0K',
    'HTTP/1.2 200 OK',
    'HTTP/2 200',
    'http/1.1 200 OK',
    'ICY 200 OK',
    ' HTTP/1.1 200 OK',
  ),
)
const interim = fc.constantFrom(
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
  'HTTP/1.1 102 Processing\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n',
  'HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n',
)
const fields = fc.oneof(
  { arbitrary: fc.array(plainLine, { maxLength: 3 }), weight: 6 },
  { arbitrary: connectionLine.map((line) => [line]), weight: 2 },
  { arbitrary: smugglingLine.map((line) => [line]), weight: 2 },
)
const content = fc.oneof(
  { arbitrary: fc.tuple(fields, framing), weight: 6 },
  fc.tuple(
    smugglingLine.map((line) => [line]),
    dualFraming,
  ),
)
const after = fc.oneof(
  { arbitrary: fc.constant(''), weight: 10 },
  fc.constantFrom('x', '\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
)

/** Perhaps interim answers, one final answer, perhaps bytes that nobody asked for; perhaps mutated, perhaps cut off. */
export const responseStream: fc.Arbitrary<ResponseStream> = fc
  .tuple(
    method,
    fc.oneof({ arbitrary: fc.constant([]), weight: 8 }, fc.array(interim, { maxLength: 3 })),
    statusLine,
    content,
    fc.oneof({ arbitrary: fc.constant(undefined), weight: 6 }, strayBody),
    after,
    fc.oneof(
      { arbitrary: fc.constant([]), weight: 5 },
      { arbitrary: fc.array(mutation, { maxLength: 3 }), weight: 3 },
    ),
    fc.oneof({ arbitrary: fc.constant(0), weight: 9 }, fc.nat(40)),
  )
  .map(([asked, interims, start, [lines, { line, body }], stray, more, mutations, cut]) => {
    const head = [start, line, ...lines].filter((one) => one !== '').map((one) => `${one}\r\n`)
    // The answer to HEAD, 204 and 304 has no body, whatever it announces.
    const bodiless = asked === 'HEAD' || / (204|304) /.test(start)
    const sent = stray ?? (bodiless ? '' : body)
    const text = mutated(`${interims.join('')}${head.join('')}\r\n${sent}${more}`, mutations)
    return {
      method: asked,
      bytes: Buffer.from(text.slice(0, Math.max(1, text.length - cut)), 'latin1'),
      messages: interims.length + 1,
    }
  })
