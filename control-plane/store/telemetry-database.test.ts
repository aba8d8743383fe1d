import fc from 'fast-check'
import t from 'tap'
import { KEPT_MS, LEVELS } from '../serve/answers/time-grid.ts'
import { noCounts, requestsOf } from '../serve/telemetry/counts.ts'
import type { StoredSpan } from '../serve/telemetry/stored-span.ts'
import { Cells } from './cells.ts'
import { memoryDatabase } from './open-database.ts'
import { decodeCounts, encodeCounts } from './row-codec.ts'
import { TelemetryDatabase, type Batch } from './telemetry-database.ts'

const START = Date.UTC(2026, 0, 1)
const MIB = 1024 * 1024
const STEP = LEVELS[0].stepMs
const NOTHING: Batch = { blocks: [], until: 0, spans: [], events: [], now: START }

function open(maxBytes = 64 * MIB, now = START) {
  return new TelemetryDatabase(memoryDatabase(maxBytes), maxBytes, () => now)
}

function row(key: string, requests: number) {
  const counts = noCounts()
  counts[2] = requests
  return { table: 'destinations' as const, key, counts }
}

function span(trace: number, over: Partial<StoredSpan> = {}): StoredSpan {
  return {
    traceId: trace.toString(16).padStart(32, '0'),
    spanId: trace.toString(16).padStart(16, '0'),
    parentSpanId: '',
    name: 'GET',
    kind: 'server',
    service: 'web',
    namespace: 'shop',
    pod: 'web-1',
    startMs: START + trace,
    durationMs: 1,
    status: 'unset',
    statusMessage: '',
    attributes: { 'http.response.status_code': 200 },
    ...over,
  }
}

t.test('a row of counts comes back as it was', async () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, min: 0, max: 1e12 }), { maxLength: 23 }), (values) => {
      const counts = noCounts()
      counts.set(values)
      const back = decodeCounts(encodeCounts(counts))
      return counts.every((value, column) => value === back[column])
    }),
  )
})

t.test('who says that a span is of another time neither ends nor moves a trace of others', async (t) => {
  const store = open()
  store.write({ ...NOTHING, spans: [span(1)] })
  for (const startMs of [1, START - KEPT_MS - 1, START + 2 * 3_600_000, 1.8e13])
    store.write({
      ...NOTHING,
      spans: [span(1, { spanId: 'f'.repeat(16), namespace: 'evil', pod: 'x', startMs })],
    })
  t.match(store.traces({ from: START, to: START + 1000, limit: 10 }), [
    { startMs: START + 1, durationMs: 1, spanCount: 1 },
  ])
})

t.test('a chart of a day reads cells as coarse as its points, and few of them', async (t) => {
  const database = memoryDatabase(64 * MIB)
  let reads = 0
  const prepare = database.prepare.bind(database)
  database.prepare = (sql) => {
    const statement = prepare(sql)
    const get = statement.get.bind(statement)
    statement.get = (...values: never[]) => {
      reads++
      return get(...values)
    }
    return statement
  }
  const cells = new Cells(database, 32 * MIB)
  const end = START + 6 * 3_600_000
  const names = Array.from({ length: 20 }, (_, at) => `s${at}`)
  for (let at = START; at < end; at += 60_000)
    cells.write(
      at,
      names.map((name) => row(name, 1)),
    )
  cells.rollUp(end)
  reads = 0
  const grid = { from: START, to: end, stepMs: 600_000 }
  const rows = cells.rows(
    names.map((key) => ({ table: 'destinations', key })),
    grid,
  )
  t.ok(rows.every((steps) => steps.length === 36 && steps.every((counts) => requestsOf(counts) === 10)))
  t.ok(reads <= names.length * 36 + 200, `${reads} reads for ${names.length * 36} points`)
})

t.test('of a day nothing is lost, and nothing counted twice, at any resolution', async (t) => {
  const store = open()
  const blocks = KEPT_MS / STEP
  const written: number[] = []
  for (let block = 0; block < blocks; block++) {
    const requests = block % 7
    written.push(requests)
    const at = START + block * STEP
    store.write({ ...NOTHING, blocks: [{ at, rows: [row('a', requests), row('b', 1)] }], until: at + STEP })
  }
  const end = START + KEPT_MS
  const seen = (from: number, to: number, key = 'a') =>
    requestsOf(store.counts({ from, to }).counts.destinations.get(key) ?? [])
  const told = (from: number, to: number) =>
    written.slice((from - START) / STEP, (to - START) / STEP).reduce((sum, one) => sum + one, 0)
  t.equal(seen(START, end), told(START, end), 'all of it')
  t.equal(seen(START, end, 'b'), blocks)
  for (const hours of [0.25, 1, 3, 6]) {
    const from = end - hours * 3_600_000
    t.equal(seen(from, end), told(from, end), `the last ${hours} hours`)
  }
  // Whole blocks of ten minutes, long ago: minutes of then are gone.
  t.equal(seen(START + 600_000, START + 3_600_000), told(START + 600_000, START + 3_600_000))
  const grid = { from: end - 3_600_000, to: end, stepMs: 60_000 }
  const { rows } = store.rows(
    [
      { table: 'destinations', key: 'a' },
      { table: 'destinations', key: 'none' },
    ],
    grid,
  )
  t.strictSame(
    rows[0]?.map(requestsOf),
    Array.from({ length: 60 }, (_, step) => told(grid.from + step * 60_000, grid.from + (step + 1) * 60_000)),
  )
  t.ok(rows[1]?.every((one) => requestsOf(one) === 0))
  t.equal(store.counts({ from: START, to: end }).since, START)
})

t.test('what was counted in one block by two processes adds up', async (t) => {
  const store = open()
  for (const requests of [3, 4])
    store.write({ ...NOTHING, blocks: [{ at: START, rows: [row('a', requests)] }], until: START })
  const counts = store.counts({ from: START, to: START + STEP }).counts.destinations
  t.equal(requestsOf(counts.get('a') ?? []), 7)
})

t.test('metrics take no more than their share; the finest of long ago goes first', async (t) => {
  const store = open(MIB)
  const many = Array.from({ length: 500 }, (_, key) => row(`service-${key}`, 1))
  for (let block = 0; block < 100; block++) {
    const at = START + block * STEP
    store.write({ ...NOTHING, blocks: [{ at, rows: many }], until: at + STEP })
  }
  const end = START + 100 * STEP
  const { counts } = store.counts({ from: end - STEP, to: end })
  t.equal(counts.destinations.size, 500, 'what was counted last is there')
})

t.test('who tells much loses its own, and what failed goes last', async (t) => {
  const store = open(4 * MIB)
  const quiet = Array.from({ length: 20 }, (_, n) => span(n + 1))
  const failed = Array.from({ length: 20 }, (_, n) =>
    span(1000 + n, { namespace: 'evil', pod: 'evil-1', status: 'error', startMs: START - 1000 }),
  )
  store.write({ ...NOTHING, spans: [...quiet, ...failed] })
  for (let batch = 0; batch < 20; batch++)
    store.write({
      ...NOTHING,
      spans: Array.from({ length: 500 }, (_, n) =>
        span(10_000 + batch * 500 + n, { namespace: 'evil', pod: 'evil-1', statusMessage: 'x'.repeat(200) }),
      ),
    })
  const all = { from: 0, to: Infinity, limit: 100_000 }
  const kept = store.traces(all)
  t.equal(kept.filter(({ namespace }) => namespace === 'shop').length, 20)
  t.equal(kept.filter((one) => one.failed).length, 20, 'older than all others, and kept')
  t.ok(kept.length < 6000)
  t.ok(
    kept.some(({ traceId }) => traceId === span(10_000 + 20 * 500 - 1).traceId),
    'the newest is there',
  )
  for (let batch = 0; batch < 20; batch++)
    store.write({
      ...NOTHING,
      spans: Array.from({ length: 500 }, (_, n) =>
        span(30_000 + batch * 500 + n, { namespace: 'evil', pod: 'evil-2', status: 'error' }),
      ),
    })
  t.equal(store.traces(all).filter(({ namespace }) => namespace === 'shop').length, 20, 'nor by failures')
})

t.test(
  'a trace is put together from what pods tell at different times; a span told again is one',
  async (t) => {
    const store = open()
    const client = span(1, { kind: 'client', spanId: 'a'.repeat(16) })
    const server = span(1, {
      spanId: 'b'.repeat(16),
      parentSpanId: client.spanId,
      pod: 'catalog-1',
      service: 'catalog',
      status: 'error',
    })
    store.write({ ...NOTHING, spans: [client] })
    store.write({ ...NOTHING, spans: [server, client] })
    t.equal(store.spans(client.traceId).length, 2)
    t.match(store.traces({ from: 0, to: Infinity, limit: 5 }), [
      { spanCount: 2, errors: 1, services: ['web.shop', 'catalog.shop'] },
    ])
    t.equal(store.traces({ from: 0, to: Infinity, limit: 5, service: 'nobody' }).length, 0)
    t.equal(store.spans('f'.repeat(32)).length, 0)
    store.write({ ...NOTHING, now: START + KEPT_MS + 60_000 })
    t.equal(store.spans(client.traceId).length, 0, 'a day later it is gone')
  },
)

t.test('a trace has no more spans than any may have', async (t) => {
  const store = open()
  const spans = Array.from({ length: 700 }, (_, n) => span(1, { spanId: n.toString(16).padStart(16, '0') }))
  store.write({ ...NOTHING, spans })
  t.equal(store.spans(span(1).traceId).length, 500)
})

t.test('events by time, namespace and service, the newest first', async (t) => {
  const store = open()
  const event = (at: number, service: string) => ({
    at: START + at,
    kind: 'route' as const,
    namespace: service.split('.')[1] ?? '',
    object: 'HTTPRoute/x',
    service,
    text: `${at}`,
  })
  store.write({ ...NOTHING, events: [event(1, 'a.shop'), event(2, 'b.shop'), event(3, 'a.pay')] })
  const found = (query: object) =>
    store.events({ from: START, to: START + 10, limit: 10, ...query }).map(({ text }) => text)
  t.same(found({}), ['3', '2', '1'])
  t.same(found({ namespace: 'shop' }), ['2', '1'])
  t.same(found({ service: 'a.shop' }), ['1'])
  t.same(found({ to: START + 3 }), ['2', '1'])
  t.same(found({ limit: 1 }), ['3', '2'], 'and one more')
})
