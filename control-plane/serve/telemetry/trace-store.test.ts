import t from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import type { KeyValue, Span } from '../../../core/xds/generated/otlp.js'
import { sampleSpans } from '../../../proxy/telemetry/testing/sample-spans.ts'
import { readAttributes, SPAN_ATTRIBUTES } from './attributes.ts'
import { storedSpan, type StoredSpan } from './stored-span.ts'
import { HELD_BACK_MS, type TraceQuery } from './trace-query.ts'
import { DEFAULT_TRACE_LIMITS, TraceStore } from './trace-store.ts'

const START = Date.UTC(2026, 0, 1)
const REPORTER = { service: 'web', namespace: 'shop', pod: 'web-1', behind: [] }

function wire(over: Partial<Span> = {}): Span {
  return {
    traceId: Buffer.alloc(16, 1),
    spanId: Buffer.alloc(8, 2),
    parentSpanId: new Uint8Array(0),
    name: 'GET /items',
    kind: 'SPAN_KIND_SERVER',
    startTimeUnixNano: BigInt(START) * 1_000_000n,
    endTimeUnixNano: BigInt(START) * 1_000_000n + 1_234_567n,
    attributes: [
      { key: 'http.response.status_code', value: { intValue: 200n } },
      { key: 'http.request.method', value: { stringValue: 'GET' } },
      { key: 'url.path', value: { stringValue: '/items' } },
    ],
    ...over,
  }
}

function span(trace: number, id: number, over: Partial<StoredSpan> = {}): StoredSpan {
  const made = storedSpan(wire(), REPORTER)
  if (!made) throw new Error('no span')
  return {
    ...made,
    traceId: trace.toString(16).padStart(32, '0'),
    spanId: id.toString(16).padStart(16, '0'),
    ...over,
  }
}

t.test('a span of the wire becomes plain values', async (t) => {
  t.match(storedSpan(wire(), REPORTER), {
    traceId: '01'.repeat(16),
    spanId: '02'.repeat(8),
    parentSpanId: '',
    kind: 'server',
    service: 'web',
    startMs: START,
    durationMs: 1.234,
    status: 'unset',
    attributes: { 'http.response.status_code': 200, 'url.path': '/items' },
  })
})

t.test('what is no span is refused', async (t) => {
  const bad: Partial<Span>[] = [
    { traceId: Buffer.alloc(16) },
    { traceId: Buffer.alloc(8, 1) },
    { spanId: Buffer.alloc(8) },
    { spanId: undefined },
    { startTimeUnixNano: 0n },
    { endTimeUnixNano: BigInt(START - 1) * 1_000_000n },
    { endTimeUnixNano: (1n << 64n) - 1n },
  ]
  for (const [i, over] of bad.entries()) t.equal(storedSpan(wire(over), REPORTER), undefined, `case ${i}`)
})

t.test('attributes are those of a sidecar, bounded in length', async (t) => {
  const many: KeyValue[] = Array.from({ length: 500 }, (_, i) => ({ key: `k${i}`, value: { intValue: 1n } }))
  const path: KeyValue = { key: 'url.path', value: { stringValue: '😀'.repeat(5000) } }
  const read = readAttributes([...many, path], SPAN_ATTRIBUTES)
  t.strictSame(Object.keys(read), ['url.path'])
  t.equal(String(read['url.path']).length, 1024)
  t.ok(String(read['url.path']).isWellFormed())
  const known = new Set(['__proto__', 'twice', 'list', 'endless', 'none'])
  const odd = readAttributes(
    [
      { key: '__proto__', value: { stringValue: 'a' } },
      { key: 'twice', value: { stringValue: 'first' } },
      { key: 'twice', value: { stringValue: 'second' } },
      { key: 'list', value: { arrayValue: { values: [] } } },
      { key: 'endless', value: { doubleValue: Infinity } },
      { key: 'none' },
    ],
    known,
  )
  t.equal(JSON.stringify(odd), '{"__proto__":"a","twice":"first"}')
})

t.test('the attributes that a sidecar sends are kept, all of them', async (t) => {
  const sent = new Set(sampleSpans().flatMap(({ attributes = [] }) => attributes.map(({ key = '' }) => key)))
  t.ok(sent.size > 40)
  t.strictSame(
    [...sent].filter((key) => !SPAN_ATTRIBUTES.has(key)),
    [],
  )
})

t.test('a trace is told by its root, with failures and retries of all hops', async (t) => {
  const store = new TraceStore()
  store.add(
    span(1, 3, { parentSpanId: '0000000000000002', service: 'catalog', kind: 'server', status: 'error' }),
  )
  store.add(
    span(1, 2, {
      parentSpanId: 'ffffffffffffffff',
      startMs: START - 5,
      durationMs: 20,
      attributes: { 'http.request.resend_count': 2, 'http.response.status_code': 200, 'url.path': '/a' },
    }),
  )
  t.match(store.get('1'.padStart(32, '0'))?.summary, {
    service: 'web',
    path: '/a',
    status: 200,
    durationMs: 20,
    spanCount: 2,
    errors: 1,
    retries: 2,
    services: ['web.shop', 'catalog.shop'],
  })
  t.equal(store.get('nothing'), undefined)
})

t.test('who got to know a trace adds to it, and does not become its root', async (t) => {
  const store = new TraceStore()
  const id = '1'.padStart(32, '0')
  const caller = { service: 'web', namespace: 'shop', pod: 'web-1' }
  const server = { service: 'catalog', namespace: 'shop', pod: 'catalog-1' }
  const source = { 'weft.source_identity': 'spiffe://mesh/ns/shop/sa/web' }
  store.add(span(1, 2, { ...caller, kind: 'client', parentSpanId: 'a'.repeat(16), durationMs: 20 }))
  store.add(span(1, 3, { ...server, kind: 'server', parentSpanId: span(1, 2).spanId, attributes: source }))
  const before = store.get(id)?.summary
  t.match(before, { service: 'web', startMs: START, durationMs: 20, spanCount: 2 })
  const stranger = { service: 'mine', namespace: 'evil', pod: 'mine-1', startMs: 1, durationMs: 3_600_000 }
  const forged: Partial<StoredSpan>[] = [
    { kind: 'server' },
    { kind: 'client', status: 'error' },
    // In place of the parent that the honest root has elsewhere, and of that of the server's span.
    { kind: 'server', spanId: 'a'.repeat(16) },
    { kind: 'client', spanId: span(1, 2).spanId },
    { kind: 'internal', parentSpanId: span(1, 3).spanId },
    // Two that hang from each other.
    { kind: 'internal', spanId: 'b'.repeat(16), parentSpanId: 'c'.repeat(16) },
    { kind: 'internal', spanId: 'c'.repeat(16), parentSpanId: 'b'.repeat(16) },
  ]
  for (const [at, one] of forged.entries()) store.add(span(1, 100 + at, { ...stranger, ...one }))
  const { service, namespace, startMs, durationMs, failed } = store.get(id)?.summary ?? {}
  t.same(
    { service, namespace, startMs, durationMs, failed },
    {
      service: 'web',
      namespace: 'shop',
      startMs: START,
      durationMs: 20,
      failed: false,
    },
  )
  t.equal(store.get(id)?.spans.length, 9, 'what it added is shown, as its own')
})

t.test('a chain of as many spans as a trace may have is told as fast as others', async (t) => {
  const store = new TraceStore()
  for (let at = 500; at >= 1; at--)
    store.add(
      span(1, at, {
        kind: 'internal',
        parentSpanId: at > 1 ? span(1, at - 1).spanId : '',
        startMs: START - at,
      }),
    )
  t.match(store.get('1'.padStart(32, '0'))?.summary, { spanCount: 500, startMs: START - 500 })
})

t.test('the latest come first; by service; failed ones alone', async (t) => {
  const store = new TraceStore()
  const all = { from: 0, to: Infinity }
  for (let i = 1; i <= 5; i++)
    store.add(span(i, 1, { service: i % 2 ? 'web' : 'catalog', startMs: START + i }))
  store.add(span(2, 9, { status: 'error' }))
  const ids = (list: readonly { traceId: string }[]) => list.map(({ traceId }) => Number(traceId))
  t.same(ids(store.search({ ...all, limit: 3 })), [5, 4, 3, 1], 'and one more, where there is one')
  t.same(ids(store.search({ ...all, service: 'catalog', limit: 9 })), [4, 2])
  t.same(ids(store.search({ ...all, service: 'catalog.shop', limit: 9 })), [4, 2])
  t.same(ids(store.search({ ...all, service: 'cat', limit: 9 })), [])
  t.same(ids(store.search({ ...all, failed: true, limit: 9 })), [2])
})

t.test('traces, spans of one trace and bytes are bounded; the oldest go', async (t) => {
  const store = new TraceStore({ ...DEFAULT_TRACE_LIMITS, maxTraces: 3, maxSpansPerTrace: 2 })
  for (let i = 1; i <= 5; i++) store.add(span(i, 1))
  t.equal(store.size, 3)
  t.equal(store.get('1'.padStart(32, '0')), undefined)
  t.ok(store.add(span(5, 2)))
  t.notOk(store.add(span(5, 3)))
  t.ok(store.add(span(5, 2)), 'the same span again is no other')
  t.equal(store.refused, 1)

  const small = new TraceStore({ ...DEFAULT_TRACE_LIMITS, maxBytes: 20_000 })
  for (let i = 1; i <= 1000; i++) small.add(span(i, 1))
  t.ok(small.size >= 10 && small.bytes <= 20_000)
  t.ok(small.get((1000).toString(16).padStart(32, '0')), 'the latest is there')
})

const EVIL = { namespace: 'evil', service: 'evil', pod: 'evil-1' }

t.test('spans are of their reporter: the same identifier from another pod replaces nothing', async (t) => {
  const store = new TraceStore()
  store.add(span(1, 1, { name: 'true' }))
  store.add(span(1, 1, { ...EVIL, name: 'forged' }))
  const names = store.get('1'.padStart(32, '0'))?.spans.map(({ name, pod }) => `${pod} ${name}`)
  t.strictSame(new Set(names), new Set(['web-1 true', 'evil-1 forged']))
})

t.test('one reporter of thousands of traces evicts its own', async (t) => {
  for (const limits of [DEFAULT_TRACE_LIMITS, { ...DEFAULT_TRACE_LIMITS, maxBytes: 1024 * 1024 }]) {
    const store = new TraceStore(limits)
    for (let i = 1; i <= 100; i++) store.add(span(i, 1))
    for (let i = 101; i <= 12_000; i++) store.add(span(i, 1, EVIL))
    for (let i = 1; i <= 100; i++) t.ok(store.get(i.toString(16).padStart(32, '0')), `trace ${i}`)
    t.ok(store.size <= limits.maxTraces && store.bytes <= limits.maxBytes)
  }
})

t.test('one reporter of a trace does not fill it for the others', async (t) => {
  const store = new TraceStore({ ...DEFAULT_TRACE_LIMITS, maxSpansPerTrace: 10 })
  for (let i = 1; i <= 20; i++) store.add(span(1, i, EVIL))
  for (let i = 1; i <= 5; i++) t.ok(store.add(span(1, i)), `span ${i}`)
  t.notOk(store.add(span(1, 6)), 'until both have their half')
  const spans = store.get('1'.padStart(32, '0'))?.spans ?? []
  t.equal(spans.length, 10)
  t.equal(spans.filter(({ pod }) => pod === 'web-1').length, 5)
})

t.test('a trace is whole once every hop has told both of its halves', async (t) => {
  const clock = new ManualClock(START)
  const store = new TraceStore(DEFAULT_TRACE_LIMITS, clock)
  const shown = () => store.search({ from: 0, to: Infinity, limit: 9 }).map(({ whole }) => whole)
  const web = { service: 'web', pod: 'web-1' }
  const catalog = { service: 'catalog', pod: 'catalog-1' }
  const mesh = {
    'weft.destination_identity': 'spiffe://td/ns/shop/sa/catalog',
    'http.response.status_code': 200,
  }
  // Its own parent is of a client outside, which tells nothing.
  store.add(span(1, 1, { ...web, kind: 'server', parentSpanId: 'f'.repeat(16) }))
  t.same(shown(), [true])
  store.add(span(1, 2, { ...web, kind: 'client', parentSpanId: span(1, 1).spanId, attributes: mesh }))
  t.same(shown(), [], 'the server is to tell, too')
  clock.advance(HELD_BACK_MS)
  t.same(shown(), [false], 'it has had its time')
  const caller = { 'weft.source_identity': 'spiffe://td/ns/shop/sa/web' }
  store.add(span(1, 3, { ...catalog, kind: 'server', parentSpanId: span(1, 2).spanId, attributes: caller }))
  t.same(shown(), [true])

  store.add(span(2, 3, { ...catalog, kind: 'server', parentSpanId: span(1, 2).spanId, attributes: caller }))
  t.same(shown(), [true], 'of a caller of the mesh that has told nothing yet')
  store.add(span(3, 1, { ...web, kind: 'client', status: 'error', attributes: mesh }))
  t.same(shown(), [true, false], 'what failed is shown at once')
  store.add(span(4, 1, { ...web, kind: 'client', attributes: { ...mesh, 'weft.kept': 'slow' } }))
  t.same(shown(), [true, false, false], 'and what was kept for itself')
  store.add(
    span(5, 1, {
      ...web,
      kind: 'client',
      attributes: { ...mesh, 'weft.response_flags': 'UF', 'http.response.status_code': 503 },
    }),
  )
  t.same(shown(), [true, false, false, true], 'what reached nobody has no other half')
})

t.test('tries of a hop are counted once, and what is looked for is found', async (t) => {
  const store = new TraceStore()
  const hop = {
    'http.request.resend_count': 2,
    'weft.route': 'HTTPRoute/shop/catalog/0',
    'weft.backend': 'shop/v2/80',
  }
  store.add(
    span(1, 1, { kind: 'client', durationMs: 250, attributes: { ...hop, 'http.response.status_code': 503 } }),
  )
  for (const n of [2, 3])
    store.add(
      span(1, n, {
        kind: 'client',
        parentSpanId: span(1, 1).spanId,
        attributes: {
          'http.request.resend_count': n - 1,
          'weft.try': 'retry',
          'weft.response_flags': 'UC',
          'weft.peer.identity': 'spiffe://td/ns/shop/sa/v2',
        },
      }),
    )
  const found = (query: Partial<TraceQuery>) =>
    store.search({ from: 0, to: Infinity, limit: 9, ...query }).length
  t.match(store.search({ from: 0, to: Infinity, limit: 9 }), [{ retries: 2, flags: ['UC'] }])
  for (const query of [
    { route: 'HTTPRoute/shop/catalog' },
    { route: 'HTTPRoute/shop/catalog/0' },
    { cluster: 'shop/v2/80' },
    { flag: 'UC' },
    { identity: 'spiffe://td/ns/shop/sa/v2' },
    { status: '503' },
    { status: '5xx' },
    { min: 250, max: 250 },
    { namespace: 'shop' },
    { service: 'web', caller: 'web.shop' },
  ])
    t.equal(found(query), 1, JSON.stringify(query))
  for (const query of [
    { route: 'HTTPRoute/shop/cat' },
    { flag: 'U' },
    { status: '502' },
    { status: '4xx' },
    { min: 251 },
    { max: 249 },
    { method: 'PUT' },
    { path: '/nowhere' },
    { from: Infinity },
    { caller: 'other.shop' },
  ])
    t.equal(found(query), 0, JSON.stringify(query))
})
