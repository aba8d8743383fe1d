import fc from 'fast-check'

/** The field line that announces a body (without its line end, '' for none) and the bytes that follow the head. */
export interface Framing {
  readonly line: string
  readonly body: string
}

const content = fc.oneof(
  { arbitrary: fc.constantFrom('abc', '0\r\n\r\n', 'x', '\0\xff\r\n', '5\r\nhello\r\n0\r\n\r\n'), weight: 4 },
  // A request inside a body is what smuggling is about.
  {
    arbitrary: fc.constantFrom(
      'GET /inner HTTP/1.1\r\nHost: inner\r\n\r\n',
      '\r\nGET /inner HTTP/1.1\r\nX: ',
    ),
    weight: 2,
  },
  {
    arbitrary: fc
      .array(fc.constantFrom('a', '\r', '\n', '0', ';', ' ', '\x80', '\0'), { maxLength: 40 })
      .map((l) => l.join('')),
    weight: 2,
  },
  { arbitrary: fc.integer({ min: 200, max: 3000 }).map((n) => 'z'.repeat(n)), weight: 1 },
)

const lengthName = fc.constantFrom(
  'Content-Length: ',
  'Content-Length: ',
  'Content-Length: ',
  'Content-Length: ',
  'content-length:',
  'content-length: ',
  'CONTENT-LENGTH:  ',
  'Content-Length:   ',
  'CoNtEnT-lEnGtH: ',
  // nginx refuses a tab, and then says nothing on the rest.
  'Content-Length:\t',
)
const lengthDigits = fc.constantFrom(
  (n: number) => String(n),
  (n: number) => String(n),
  (n: number) => String(n),
  (n: number) => String(n),
  (n: number) => String(n),
  (n: number) => `0${n}`,
  (n: number) => `000000${n}`,
  (n: number) => `${n} `,
  (n: number) => `${n}\t`,
)

const withLength: fc.Arbitrary<Framing> = fc
  .tuple(fc.oneof({ arbitrary: content, weight: 6 }, fc.constant('')), lengthName, lengthDigits)
  .map(([body, name, digits]) => ({ line: name + digits(body.length), body }))

const hex = fc.constantFrom(
  (n: number) => n.toString(16),
  (n: number) => n.toString(16),
  (n: number) => n.toString(16),
  (n: number) => n.toString(16).toUpperCase(),
  (n: number) => `0${n.toString(16)}`,
  (n: number) => n.toString(16).padStart(8, '0'),
  (n: number) => n.toString(16).padStart(12, '0'),
)
const extension = fc.oneof(
  { arbitrary: fc.constant(''), weight: 8 },
  fc.constantFrom(';a', ';a=b', ';a="b"', ';a="x;y\\"z"', ';a=b;c=d', ';a="\\\\"', ';a="\x80"', ';a=";\t "'),
)
const trailers = fc.oneof(
  { arbitrary: fc.constant(''), weight: 6 },
  fc.constantFrom(
    'x: y\r\n',
    'X-Sum:abc \r\nY:\r\n',
    'Connection: close\r\n',
    'Trailer: a\r\n',
    'expires: 0\r\nx: "\x80"\r\n',
  ),
)
const chunk = fc
  .tuple(content, hex, extension)
  .filter(([body]) => body !== '')
  .map(([body, digits, more]) => `${digits(body.length)}${more}\r\n${body}\r\n`)
const lastChunk = fc
  .tuple(fc.constantFrom('0', '0', '0', '00', '00000000'), extension, trailers)
  .map(([size, more, lines]) => `${size}${more}\r\n${lines}\r\n`)

const chunkedLine = fc.constantFrom(
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked ',
  'Transfer-Encoding: chunked',
  'transfer-encoding:chunked',
  'Transfer-Encoding: Chunked',
  'TRANSFER-ENCODING:  CHUNKED  ',
  'Transfer-Encoding:\tchunked',
)
const chunked: fc.Arbitrary<Framing> = fc
  .tuple(chunkedLine, fc.array(chunk, { maxLength: 3 }), lastChunk)
  .map(([line, chunks, last]) => ({ line, body: chunks.join('') + last }))

const none: fc.Arbitrary<Framing> = fc.constant({ line: '', body: '' })

/** Bodies that stand as they are announced: most messages must be acceptable, or nothing is compared. */
export const framing: fc.Arbitrary<Framing> = fc.oneof(
  { arbitrary: none, weight: 3 },
  { arbitrary: withLength, weight: 3 },
  { arbitrary: chunked, weight: 4 },
)

/**
 * A body that is whole as chunks, and half of the time announced by its length as plain bytes: with an odd
 * line beside it, whoever frames it otherwise finds a whole message too.
 */
export const dualFraming: fc.Arbitrary<Framing> = fc
  .tuple(fc.array(chunk, { maxLength: 2 }), lastChunk, fc.option(lengthName, { freq: 2 }))
  .map(([chunks, last, name]) => {
    const body = chunks.join('') + last
    return { line: name === null ? '' : `${name}${body.length}`, body }
  })

/** Bodies that look like something else than what the head says. */
export const strayBody = fc.oneof(content, lastChunk, chunk, fc.constant(''))
