import { createServer, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { TappedRequest } from '../../core/api/tap.ts'
import { followPage, type StreamEvent } from '../mesh/event-stream.ts'
import { fittedTable } from '../terminal/fitted-table.ts'
import { plainPainter } from '../terminal/painter.ts'
import { tappedLine } from './tap.ts'
import { Top } from './top.ts'

const REQUEST: TappedRequest = {
  at: Date.UTC(2026, 0, 31),
  direction: 'outbound',
  namespace: 'shop',
  pod: 'web-1',
  service: 'web',
  source: 'web.shop',
  destination: 'catalog.shop',
  method: 'GET',
  authority: 'catalog',
  path: '/items/7',
  status: 200,
  grpcStatus: null,
  flags: '-',
  durationMs: 4,
  traceId: '',
  route: '',
  upstream: '',
}

t.test('a stream of events is followed until it ends, breaks or is left', async (t) => {
  let answer = (_response: ServerResponse): void => undefined
  const server = createServer((request, response) => {
    t.equal(request.headers['sec-weft-client'], 'weft')
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const mesh = { openBase: async () => `http://127.0.0.1:${port}` }
  const events: StreamEvent[] = []
  const follow = (signal: AbortSignal, seen: (event: StreamEvent) => void = () => undefined) =>
    followPage(mesh, 'tap', { namespace: 'shop' }, signal, (event) => {
      events.push(event)
      seen(event)
    })

  answer = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const text = `: hello\n\nevent: source\ndata: {"sampled":true}\n\nevent: request\ndata: ${JSON.stringify({ ...REQUEST, path: '/ä' })}\n\ndata: no json\n\n`
    const bytes = Buffer.from(text)
    // In the middle of a character.
    const middle = bytes.indexOf(0xc3) + 1
    response.write(bytes.subarray(0, middle))
    response.end(bytes.subarray(middle))
  }
  await follow(new AbortController().signal)
  t.match(events, [
    { event: 'source', data: { sampled: true } },
    { event: 'request', data: { path: '/ä' } },
  ])
  t.equal(events.length, 2)

  answer = (response) => {
    response.writeHead(403, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({ error: { code: 'tap.off', message: 'namespace shop says that it is off' } }),
    )
  }
  await t.rejects(follow(new AbortController().signal), {
    code: 'mesh.stream',
    message: /says that it is off/,
  })
  answer = (response) => void response.writeHead(404).end('{}')
  await t.rejects(follow(new AbortController().signal), { message: /has no page tap/ })

  answer = (response) => {
    response.writeHead(200)
    response.write('event: request\ndata: {}\n\n', () => response.destroy())
  }
  await t.rejects(follow(new AbortController().signal), { code: 'mesh.stream', message: /broke/ })

  answer = (response) => {
    response.writeHead(200)
    response.write('event: request\ndata: {}\n\n')
  }
  const left = new AbortController()
  await follow(left.signal, () => left.abort())
})

t.test('a line of a tap, without what would drive a terminal', (t) => {
  const line = (more: Partial<TappedRequest>) => tappedLine({ ...REQUEST, ...more }, plainPainter)
  t.equal(line({}), '00:00:00.000 > web.shop -> catalog.shop GET /items/7 200 4.0ms\n')
  t.equal(
    line({
      direction: 'inbound',
      source: '',
      grpcStatus: 14,
      flags: 'UF',
      traceId: 'ab',
      path: '/\u001B[2J\nx',
    }),
    '00:00:00.000 < (outside) -> catalog.shop GET /?x 200/grpc 14 4.0ms UF trace=ab\n',
  )
  t.end()
})

t.test('the busiest paths, in bounded memory', (t) => {
  const top = new Top()
  for (let i = 0; i < 1000; i++)
    top.add({ ...REQUEST, path: `/items/${i}`, durationMs: i, status: i % 10 ? 200 : 503 })
  for (let i = 0; i < 5000; i++) top.add({ ...REQUEST, path: `/x${i}y` })
  const [first, second] = top.rows(2)
  t.match(first, { source: '(other)', count: 3001 })
  t.match(second, { path: '/items/{*}', count: 1000, failed: 100 })
  t.ok((second?.p50Ms ?? 0) >= 488 && (second?.p99Ms ?? 0) > 990, 'of the newest')
  t.equal(top.requests, 6000)
  t.equal(top.rows(10_000).length, 2001)
  t.end()
})

t.test('a table fits the width: what may be cut is, the widest first', (t) => {
  const columns = [
    { title: 'A', least: 4 },
    { title: 'N', right: true },
    { title: 'B', least: 3 },
  ] as const
  const rows = [['a-name-that-is-long', '7', { text: 'shorter', style: 'red' as const }]]
  t.equal(
    fittedTable(columns, rows, plainPainter, 80),
    'A                    N  B\na-name-that-is-long  7  shorter\n',
  )
  t.equal(
    fittedTable(columns, rows, plainPainter, 20),
    'A        N  B\na-name-…  7  shorter\n'.replace('A        N', 'A         N'),
  )
  t.equal(
    fittedTable(columns, rows, (style, text) => `<${style}>${text}</>`, 80).split('\n')[1],
    'a-name-that-is-long  7  <red>shorter</>',
  )
  t.end()
})
