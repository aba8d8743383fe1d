import { createServer, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { TappedRequest, TapSource } from '../../core/api/tap.ts'
import { followPage, type StreamEvent } from '../mesh/event-stream.ts'
import { fittedTable } from '../terminal/fitted-table.ts'
import { plainPainter } from '../terminal/painter.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { tappedLine } from './tap.ts'
import { followTaps, sourceLines, tapQuery } from './tapped.ts'
import { isToldByCaller, Top } from './top.ts'

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
  await t.rejects(follow(new AbortController().signal), { code: 'mesh.stream_lost', message: /broke/ })

  answer = (response) => {
    response.writeHead(200)
    response.write('event: request\ndata: {}\n\n')
  }
  const left = new AbortController()
  await follow(left.signal, () => left.abort())
})

t.test('a tap that is lost is asked for again; one that never began, or is refused, is not', async (t) => {
  let answer = (_response: ServerResponse): void => undefined
  let asked = 0
  const server = createServer((_request, response) => {
    asked++
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const mesh = { openBase: async () => `http://127.0.0.1:${port}` }
  const follow = async (enough: number) => {
    asked = 0
    const ended = new AbortController()
    let requests = 0
    const request = () => void (++requests === enough && ended.abort())
    await followTaps(mesh, {}, ended, { request, skipped: () => undefined }, 1)
    return requests
  }
  const one = 'event: request\ndata: {}\n\n'
  const breaks = (response: ServerResponse) => {
    response.writeHead(200)
    response.write(one, () => response.destroy())
  }

  answer = (response) => (asked === 1 ? breaks(response) : void response.writeHead(200).end(one))
  t.equal(await follow(3), 3, 'broken, ended in order, and heard again')
  t.equal(asked, 3)

  answer = (response) => void response.destroy()
  await t.rejects(follow(1), { code: 'mesh.stream_lost' })
  t.equal(asked, 1)

  answer = (response) => (asked === 1 ? breaks(response) : void response.destroy())
  await t.rejects(follow(2), { code: 'mesh.stream_lost' })
  t.equal(asked, 5, 'not for ever')

  answer = (response) => (asked === 1 ? breaks(response) : void response.writeHead(403).end('{}'))
  await t.rejects(follow(2), { code: 'mesh.stream', message: /answers tap with 403/ })
  t.equal(asked, 2)
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
  t.equal(
    line({
      source: 'spiffe://cluster.local/ns/shop/sa/web',
      destination: 'spiffe://cluster.local/ns/shop/sa/catalog-v2',
      asked: 'catalog.shop',
      query: 'a=\u001B',
      headers: { 'x-user': 'ada', 'x-\u001B[2J': '\u0007' },
    }),
    '00:00:00.000 > shop/web -> catalog.shop GET /items/7?a=? 200 4.0ms\n    x-user: ada\n    x-: ?\n',
  )
  t.end()
})

const NO_VALUES = {
  ...{
    namespace: undefined,
    workload: undefined,
    service: undefined,
    route: undefined,
    direction: undefined,
  },
  ...{
    method: undefined,
    path: undefined,
    status: undefined,
    flag: undefined,
    min: undefined,
    max: undefined,
  },
  rate: undefined,
}

t.test('filters are flags, and a wrong one is told by its name', (t) => {
  const mesh = { namespace: 'default' } as MeshApi
  t.same(tapQuery(NO_VALUES)(mesh), { namespace: 'default' })
  const values = {
    namespace: 'shop',
    workload: 'web',
    direction: 'inbound',
    min: '250ms',
    max: '2s',
    rate: '7',
  }
  t.same(tapQuery({ ...NO_VALUES, ...values, status: '0', headers: true })(mesh), {
    ...{ namespace: 'shop', workload: 'web', direction: 'inbound', status: '0' },
    ...{ min: '250', max: '2000', rate: '7', headers: 'true' },
  })
  for (const [name, value] of [
    ['status', '600'],
    ['direction', 'both'],
    ['min', '5'],
    ['max', 'soon'],
    ['rate', '1001'],
  ] as const)
    t.throws(() => tapQuery({ ...NO_VALUES, [name]: value }), { code: 'cli.flags', field: `--${name}` }, name)
  t.end()
})

t.test('who does not tell is told', (t) => {
  const coverage = { answered: 1, missing: [] }
  const all = { sampled: false, live: 2, others: [], otherCount: 0, coverage }
  t.same(sourceLines(all), [])
  t.same(sourceLines({ ...all, live: 0 }), ['there is no sidecar that could tell'])
  const others = ['a', 'b', 'c', 'd'].map((pod) => ({ pod: `shop/${pod}`, reason: 'is\u001B old' }))
  const missing = [{ replica: 'weft/b', reason: 'it did not answer within 2 s' }]
  t.same(sourceLines({ ...all, sampled: true, others, otherCount: 5, coverage: { answered: 1, missing } }), [
    'of 5 of 7 sidecars only requests that are sampled for traces are shown: shop/a is? old; shop/b is? old; shop/c is? old; and 2 more',
    'the sidecars of control plane weft/b are not heard: it did not answer within 2 s',
  ])
  // As a control plane of a release before says it.
  const before = { sampled: true, coverage } as unknown as TapSource
  t.same(sourceLines(before), ['only requests that are sampled for traces are shown'])
  t.end()
})

t.test('a request between two pods of the namespace counts once', (t) => {
  const inbound = { ...REQUEST, direction: 'inbound' as const }
  t.notOk(isToldByCaller({ ...REQUEST, source: 'spiffe://cluster.local/ns/shop/sa/web' }))
  t.ok(isToldByCaller({ ...inbound, source: 'spiffe://cluster.local/ns/shop/sa/web' }))
  t.notOk(isToldByCaller({ ...inbound, source: 'spiffe://cluster.local/ns/pay/sa/web' }))
  t.notOk(isToldByCaller({ ...inbound, source: '10.0.0.1' }))
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
