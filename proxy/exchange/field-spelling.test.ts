import t from 'tap'
import { seeded } from '../testing/seeded-random.ts'
import { forwardTo } from '../testing/static-configuration.ts'
import { MemoryPair } from './testing/memory-pair.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

/** The field lines of a message, without the start line. */
function linesOf(message: string): string[] {
  return message.slice(0, message.indexOf('\r\n\r\n')).split('\r\n').slice(1)
}

/** Without what a proxy adds to a request of its own. */
function passed(message: string): string[] {
  return linesOf(message).filter((line) => !line.startsWith('x-request-id:'))
}

t.test('a request and its answer keep how names are written, over the link', async (t) => {
  const pair = new MemoryPair()
  const request = ['Host: shop', 'SOAPAction: "a"', 'accept: */*', 'X-MiXeD: 1', 'Content-Length: 2']
  t.same(passed(pair.ask(`POST / HTTP/1.1\r\n${request.join('\r\n')}\r\n\r\nhi`)), request)
  const answer = ['Content-Type: text/xml', 'WWW-authenticate: Basic', 'etag: "1"', 'Content-Length: 2']
  t.same(linesOf(pair.answer(`HTTP/1.1 200 OK\r\n${answer.join('\r\n')}\r\n\r\nok`)), answer)
})

t.test('what a sidecar writes of its own is written as the message had it, or in lower case', async (t) => {
  const pair = new MemoryPair()
  const head = pair.ask(
    'POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
  )
  t.same(passed(head), ['Host: shop', 'Transfer-Encoding: chunked'])
  t.match(pair.answer(OK), /^HTTP\/1.1 200 OK\r\nContent-Length: 0\r\n\r\n$/)
  const lower = pair.ask(
    'POST / HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
  )
  t.same(passed(lower), ['host: shop', 'transfer-encoding: chunked'])
})

t.test('trailers, both ways', async (t) => {
  const pair = new MemoryPair()
  const request = pair.ask(
    'POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\nx-low: 2\r\nTrailer: X-Sum\r\n\r\n',
  )
  t.match(request, /\r\n0\r\nX-Sum: 1\r\nx-low: 2\r\n\r\n$/)
  const answer = pair.answer(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-SUM: 1\r\nServer-Timing: a\r\n\r\n',
  )
  t.match(answer, /\r\n0\r\nX-SUM: 1\r\nServer-Timing: a\r\n\r\n$/)
})

t.test('of several fields of one name each keeps its own', async (t) => {
  const pair = new MemoryPair()
  const request = ['Host: shop', 'x-a: 1', 'X-A: 2', 'Accept: text/html', 'X-a: 3', 'X-A: 4', 'accept: b']
  t.same(passed(pair.ask(`GET / HTTP/1.1\r\n${request.join('\r\n')}\r\n\r\n`)), request)
  const answer = ['Set-Cookie: a=1', 'Set-Cookie: b=2', 'set-cookie: c=3', 'Content-Length: 0']
  t.same(linesOf(pair.answer(`HTTP/1.1 200 OK\r\n${answer.join('\r\n')}\r\n\r\n`)), answer)
})

t.test('what a filter of the route writes has the spelling of the filter', async (t) => {
  const route = {
    ...forwardTo({ app: 1 }),
    requestHeaders: {
      remove: ['x-gone'],
      set: [['x-set', 'new', 'X-Set'] as const, ['x-low', 'new'] as const],
      add: [['x-more', '2', 'X-MORE'] as const, ['x-gone', 'again', 'x-GONE'] as const],
    },
    responseHeaders: {
      remove: [],
      set: [['server', 'weft', 'Server'] as const],
      add: [['via', 'w', 'VIA'] as const],
    },
  }
  const pair = new MemoryPair({ route })
  const request = ['Host: shop', 'X-SET: old', 'x-more: 1', 'X-LOW: old', 'X-Gone: 1']
  t.same(passed(pair.ask(`GET / HTTP/1.1\r\n${request.join('\r\n')}\r\n\r\n`)), [
    'Host: shop',
    'X-Set: new',
    'x-more: 1',
    'x-low: new',
    'X-MORE: 2',
    'x-GONE: again',
  ])
  t.same(linesOf(pair.answer('HTTP/1.1 200 OK\r\nserver: app\r\nvia: a\r\ncontent-length: 0\r\n\r\n')), [
    'Server: weft',
    'via: a',
    'content-length: 0',
    'VIA: w',
  ])
})

t.test('nobody but a sidecar says how names are written, and no application sees it', async (t) => {
  const pair = new MemoryPair()
  const request = pair.ask(
    'GET / HTTP/1.1\r\nhost: shop\r\nx-weft-spelling: X-A\r\nX-Weft-Spelling: X-A\r\nx-a: 1\r\n\r\n',
  )
  t.same(passed(request), ['host: shop', 'x-a: 1'])
  const answer = 'HTTP/1.1 200 OK\r\nx-weft-spelling: X-B\r\nx-b: 1\r\ncontent-length: 0\r\n\r\n'
  t.same(linesOf(pair.answer(answer)), ['x-b: 1', 'content-length: 0'])
})

t.test('a sidecar of the version before gets none of it once it has spoken', async (t) => {
  for (const old of ['caller', 'server'] as const) {
    const pair = new MemoryPair({ old })
    // What is opened before SETTINGS are here is told, and dropped there.
    pair.ask('GET / HTTP/1.1\r\nHost: shop\r\n\r\n')
    pair.answer(OK)
    const sent: string[] = []
    pair.link.tap = (_from, piece) => void sent.push(piece.toString('latin1'))
    t.same(passed(pair.ask('GET / HTTP/1.1\r\nHost: shop\r\nX-Once: 1\r\n\r\n')), ['host: shop', 'x-once: 1'])
    t.same(linesOf(pair.answer('HTTP/1.1 200 OK\r\nX-Twice: 1\r\nContent-Length: 0\r\n\r\n')), [
      'x-twice: 1',
      'content-length: 0',
    ])
    t.notMatch(sent.join(''), /X-Once|X-Twice/)
  }
})

t.test('either sidecar can be told to write lower case', async (t) => {
  for (const side of ['outbound', 'inbound'] as const) {
    const pair = new MemoryPair({ [side]: { keepFieldCase: false } })
    const request =
      'POST / HTTP/1.1\r\nHost: shop\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: 1\r\n\r\n'
    const asked = pair.ask(request)
    t.same(passed(asked), ['host: shop', 'x-a: 1', 'transfer-encoding: chunked'])
    t.match(asked, /\r\nx-t: 1\r\n\r\n$/)
    const answer = pair.answer(
      'HTTP/1.1 200 OK\r\nX-B: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-U: 1\r\n\r\n',
    )
    t.same(linesOf(answer), ['x-b: 1', 'transfer-encoding: chunked'])
    t.match(answer, /\r\nx-u: 1\r\n\r\n$/)
  }
})

t.test('any names in any spelling come out as they went in', async (t) => {
  const random = seeded(11)
  const below = (limit: number): number => Math.floor(random() * limit)
  const KNOWN = [
    'accept',
    'user-agent',
    'x-request-id',
    'cache-control',
    'soapaction',
    'cookie2',
    'x',
    'age',
    'etag',
  ]
  const CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~"
  const name = (): string =>
    below(2) === 0
      ? (KNOWN[below(KNOWN.length)] as string)
      : Array.from({ length: 1 + below(20) }, () => CHARS[below(CHARS.length)]).join('')
  const spell = (word: string): string => {
    const way = below(4)
    if (way === 0) return word
    if (way === 1) return word.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase())
    return word.replace(/[a-z]/g, (char) => (below(2) === 0 ? char.toUpperCase() : char))
  }
  const OURS = /^(?:age|host|te|expect|upgrade|connection|x-request-id|x.forwarded.client.cert)$/
  const lines = (): string[] =>
    Array.from({ length: below(40) }, () => name())
      .filter((one) => !OURS.test(one))
      .map((one, i) => `${spell(one)}: ${i}`)
  const pair = new MemoryPair()
  for (let round = 0; round < 500; round++) {
    const request = [`${spell('host')}: shop`, ...lines()]
    const asked = passed(pair.ask(`GET / HTTP/1.1\r\n${request.join('\r\n')}\r\n\r\n`))
    if (!t.same(asked, request, `request ${round}`)) break
    const answer = [...lines(), `${spell('content-length')}: 0`]
    const answered = linesOf(pair.answer(`HTTP/1.1 200 OK\r\n${answer.join('\r\n')}\r\n\r\n`))
    if (!t.same(answered, answer, `answer ${round}`)) break
  }
})
