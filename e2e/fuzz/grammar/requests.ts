import fc from 'fast-check'
import { dualFraming, type Framing, framing, strayBody } from './bodies.ts'
import { connectionLine, plainLine, smugglingLine } from './field-lines.ts'
import { mutated, mutation } from './mutations.ts'

/** What one client sends on one connection. */
export interface RequestStream {
  readonly bytes: Buffer
  /** Messages that were written into it. */
  readonly messages: number
}

const method = fc.oneof(
  { arbitrary: fc.constantFrom('GET', 'POST', 'POST', 'PUT'), weight: 30 },
  { arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'PROPFIND', 'M-SEARCH'), weight: 10 },
  fc.constantFrom('TRACE', 'CONNECT', 'get', 'FOO', 'G!T', 'PRI', 'GE T', 'X'.repeat(33), ''),
)
const target = fc.oneof(
  { arbitrary: fc.constantFrom('/', '/a?b=c', '/a/b/c.d;e=f?g'), weight: 30 },
  {
    arbitrary: fc.constantFrom(
      '//x',
      '/a%2Fb',
      '/%00',
      '/%',
      '/a/../b',
      '/./a',
      '/a;b=|"^`{}<>',
      '/\\..',
      '/?',
      '/?a?b#',
      'http://a/x',
      'http://a',
      'HTTP://A?x',
      'http://a:80/x?y',
    ),
    weight: 8,
  },
  fc.constantFrom(
    '*',
    'https://a/x',
    'http://b/x',
    'http:///x',
    'http://u@a/',
    'ftp://a/',
    'a:80',
    'a',
    '/a#b',
    '/a b',
    '/\x80',
    '/\t',
    '',
    'http://a\\b/',
  ),
)
const version = fc.oneof(
  { arbitrary: fc.constant('HTTP/1.1'), weight: 50 },
  { arbitrary: fc.constant('HTTP/1.0'), weight: 2 },
  fc.constantFrom(
    'HTTP/1.2',
    'HTTP/0.9',
    'HTTP/2.0',
    'http/1.1',
    'HTTP/1.10',
    'HTTP/01.1',
    'HTTP/1,1',
    'HTP/1.1',
    '',
  ),
)
const host = fc.oneof(
  { arbitrary: fc.constantFrom('Host: a', 'host:a', 'HOST:  a '), weight: 40 },
  fc.constantFrom(
    '',
    'Host: \ta\t',
    'Host: a:80',
    'Host: A',
    'Host: [::1]:80',
    'Host:',
    'Host: a b',
    'Host: a,b',
    'Host: a/b',
    'Host: a@b',
    'Host: a:b',
    'Host: a:99999999',
    'Host: [::1',
    'Host: \x80',
  ),
)
const before = fc.oneof(
  { arbitrary: fc.constant(''), weight: 50 },
  fc.constantFrom('\r\n', '\r\n\r\n', '\n', '\r', ' ', '\0'),
)
const lineEnd = fc.oneof(
  { arbitrary: fc.constant('\r\n'), weight: 100 },
  fc.constantFrom('\n', '\r', '\r\r\n', ' \r\n'),
)

const lines = fc.oneof(
  { arbitrary: fc.array(plainLine, { maxLength: 4 }), weight: 12 },
  {
    arbitrary: fc
      .tuple(fc.array(plainLine, { maxLength: 2 }), connectionLine)
      .map(([plain, line]) => [line, ...plain]),
    weight: 4,
  },
  {
    arbitrary: fc
      .tuple(fc.array(plainLine, { maxLength: 2 }), smugglingLine)
      .map(([plain, line]) => [...plain, line]),
    weight: 3,
  },
)

function requestText(
  start: string,
  hostLine: string,
  fields: readonly string[],
  { line, body }: Framing,
  first: boolean,
  end: string,
): string {
  const all = first ? [hostLine, line, ...fields] : [...fields, hostLine, line]
  const head = all.filter((one) => one !== '').map((one) => one + end)
  return `${start}${end}${head.join('')}${end}${body}`
}

const regular = fc
  .tuple(before, method, target, version, host, lines, framing, fc.boolean(), lineEnd)
  .map(
    ([blank, m, u, v, h, fields, body, first, end]) =>
      blank + requestText(`${m} ${u} ${v}`, h, fields, body, first, end),
  )

/** A head that announces one thing and bytes that are another. */
const contradictory = fc
  .tuple(method, fc.array(smugglingLine, { minLength: 1, maxLength: 2 }), framing, strayBody, fc.boolean())
  .map(([m, fields, { line }, body, first]) =>
    requestText(`${m} / HTTP/1.1`, 'Host: a', fields, { line, body }, first, '\r\n'),
  )

/** Whole by both lengths; which one counts is what the odd line decides. */
const dual = fc
  .tuple(method, smugglingLine, dualFraming, fc.boolean())
  .map(([m, line, body, first]) => requestText(`${m} /dual HTTP/1.1`, 'Host: a', [line], body, first, '\r\n'))

const request = fc.oneof(
  { arbitrary: regular, weight: 12 },
  { arbitrary: contradictory, weight: 1 },
  { arbitrary: dual, weight: 1 },
)

/** One to three requests, perhaps mutated, perhaps cut off. */
export const requestStream: fc.Arbitrary<RequestStream> = fc
  .tuple(
    fc.array(request, { minLength: 1, maxLength: 3 }),
    fc.oneof(
      { arbitrary: fc.constant([]), weight: 4 },
      { arbitrary: fc.array(mutation, { maxLength: 2 }), weight: 2 },
    ),
    fc.oneof({ arbitrary: fc.constant(0), weight: 9 }, fc.nat(60)),
  )
  .map(([requests, mutations, cut]) => {
    const text = mutated(requests.join(''), mutations)
    return {
      bytes: Buffer.from(text.slice(0, Math.max(1, text.length - cut)), 'latin1'),
      messages: requests.length,
    }
  })
