import t from 'tap'
import fc from 'fast-check'
import {
  ExportMetricsServiceRequest,
  type HistogramDataPoint,
  type KeyValue,
} from '../../../core/xds/generated/otlp.js'
import { BOUNDS, BUCKETS, quantileMs, rebucket } from './durations.ts'
import { MetricStore, OUTSIDE, pairKey } from './metric-store.ts'
import { atOnce } from '../../../core/in-turns.ts'
import { takingPoints } from './receiver.ts'
import type { Reporter } from './reporter.ts'
import { SlidingWindow } from './sliding-window.ts'

const START = Date.UTC(2026, 0, 1)
const MIB = 1024 * 1024
const WEB = { namespace: 'shop', service: 'web', pod: 'web-1', behind: [] }

function attributes(values: Record<string, string | number>): KeyValue[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: BigInt(value) } : { stringValue: value },
  }))
}

interface Report {
  readonly metric?: string
  readonly counts: readonly number[]
  readonly bounds?: readonly number[]
  readonly since?: number
  readonly at: number
  readonly labels?: Record<string, string | number>
  readonly service?: string
}

function report({ metric, counts, bounds, since, at, labels, service }: Report): ExportMetricsServiceRequest {
  const point: HistogramDataPoint = {
    startTimeUnixNano: BigInt(since ?? START) * 1_000_000n,
    timeUnixNano: BigInt(at) * 1_000_000n,
    bucketCounts: counts.map(BigInt),
    explicitBounds: bounds ?? [0.005, 0.01],
    attributes: attributes({ 'http.response.status_code': 200, ...labels }),
  }
  return reportOf(point, metric, service)
}

function reportOf(point: HistogramDataPoint, metric?: string, service?: string): ExportMetricsServiceRequest {
  return {
    resourceMetrics: [
      {
        resource: { attributes: attributes({ 'service.name': service ?? 'web' }) },
        scopeMetrics: [
          {
            metrics: [
              {
                name: metric ?? 'http.server.request.duration',
                histogram: {
                  aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
                  dataPoints: [point],
                },
              },
            ],
          },
        ],
      },
    ],
  }
}

/** Gives the number of points that were refused. */
function add(
  store: MetricStore,
  request: ExportMetricsServiceRequest,
  reporter: Reporter,
  at: number,
): number {
  return atOnce(takingPoints({ metrics: store }, ExportMetricsServiceRequest.encode(request), reporter, at))
}

t.test('pushes of cumulative counts become a rate, a success rate and durations', async (t) => {
  const store = new MetricStore()
  let at = START
  for (let i = 1; i <= 20; i++) {
    at = START + i * 2000
    add(store, report({ counts: [18 * i, 0, 0], at }), WEB, at)
    add(store, report({ counts: [0, 2 * i, 0], at, labels: { 'http.response.status_code': 503 } }), WEB, at)
  }
  const view = store.servers.get('web.shop')?.view(at, 30)
  t.ok(Math.abs((view?.rate ?? 0) - 10) < 1e-6, `10 requests a second, not ${view?.rate}`)
  t.ok(Math.abs((view?.successRate ?? 0) - 0.9) < 1e-6)
  t.ok((view?.p50Ms ?? 99) <= 5 && (view?.p95Ms ?? 0) > 5)
  const history = store.servers.get('web.shop')?.history(at) ?? []
  t.equal(history.length, 60)
  t.ok(history.slice(-15).every((rate) => Math.abs(rate - 10) < 1e-6))
})

t.test('who left his answer counts neither for its server nor against it', async (t) => {
  for (const [labels, rate] of [
    [{ 'weft.response_flags': 'DC' }, null],
    [{ 'weft.response_flags': 'DC', 'http.response.status_code': 0 }, null],
    [{ 'weft.response_flags': 'DC', 'http.response.status_code': 404 }, null],
    [{ 'weft.response_flags': 'URX,DC' }, null],
    [{ 'weft.response_flags': 'SI' }, null],
    [{ 'weft.response_flags': 'DPE', 'http.response.status_code': 0 }, null],
    // A server's own failure is one, whoever stays to hear of it.
    [{ 'weft.response_flags': 'DC', 'http.response.status_code': 503 }, 0],
    [{ 'weft.response_flags': 'DC', 'rpc.grpc.status_code': 14 }, 0],
    [{ 'http.response.status_code': 0 }, 0],
    // Answers that began well and were never whole.
    [{ 'weft.response_flags': 'UC' }, 0],
    [{ 'weft.response_flags': 'URX,UR' }, 0],
    [{ 'weft.response_flags': 'UT' }, 0],
    [{ 'weft.response_flags': 'UPE' }, 0],
    // Whole ones, with what is no reason to end one.
    [{ 'weft.response_flags': '-' }, 1],
    [{ 'weft.response_flags': 'DI' }, 1],
    [{ 'weft.response_flags': 'DPE', 'http.response.status_code': 400 }, 1],
    [{ 'weft.response_flags': 'SI', 'http.response.status_code': 408 }, 1],
    [{ 'weft.response_flags': 'UAEX', 'http.response.status_code': 403 }, 1],
    // Upgrades that were accepted.
    [{ 'weft.response_flags': 'DC', 'http.response.status_code': 101 }, 1],
    [{ 'weft.response_flags': 'UC', 'http.response.status_code': 101 }, 1],
    [{ 'weft.response_flags': 'DC', 'http.request.method': 'CONNECT' }, 1],
  ] as const) {
    const store = new MetricStore()
    const at = START + 2000
    add(store, report({ counts: [3, 0, 0], at, labels }), WEB, at)
    const view = () => store.servers.get('web.shop')?.view(at + 4000, 30)
    t.equal(view()?.successRate, rate, JSON.stringify(labels))
    t.ok(Math.abs((view()?.rate ?? 0) - 0.1) < 1e-6, 'each is a request')
    for (const status of [200, 500])
      add(store, report({ counts: [1, 0, 0], at, labels: { 'http.response.status_code': status } }), WEB, at)
    const judged = rate === null ? 0 : 3
    const expected = ((rate ?? 0) * judged + 1) / (judged + 2)
    t.ok(Math.abs((view()?.successRate ?? 9) - expected) < 1e-6, `beside others ${JSON.stringify(labels)}`)
  }
})

t.test('a reporter that is old to itself and new to us is not counted from its beginning', async (t) => {
  const store = new MetricStore()
  const at = START + 3_600_000
  t.equal(add(store, report({ counts: [1_000_000, 0, 0], at }), WEB, at), 0)
  t.equal(store.servers.get('web.shop'), undefined)
  add(store, report({ counts: [1_000_010, 0, 0], at: at + 2000 }), WEB, at + 2000)
  const total = (store.servers.get('web.shop')?.view(at + 6000, 30).rate ?? 0) * 30
  t.ok(Math.abs(total - 10) < 1e-6, `only what is new: ${total}`)
})

t.test("a reporter's restart begins anew; its clock does not matter", async (t) => {
  const store = new MetricStore()
  const skewed = START - 5 * 60_000
  add(store, report({ counts: [4, 0, 0], since: skewed, at: skewed + 2000 }), WEB, START)
  add(store, report({ counts: [3, 0, 0], since: skewed + 4000, at: skewed + 4500 }), WEB, START + 2500)
  const total = (store.servers.get('web.shop')?.view(START + 8000, 30).rate ?? 0) * 30
  t.ok(Math.abs(total - 7) < 1e-6, String(total))
})

t.test('callers tell of pairs and backends; a caller without identity comes from outside', async (t) => {
  const store = new MetricStore()
  const labels = {
    'http.route': 'HTTPRoute/shop/catalog/0',
    'weft.cluster': 'shop/catalog-v1/8080',
    'weft.destination_service': 'catalog-v1.shop',
  }
  const at = START + 2000
  add(store, report({ metric: 'http.client.request.duration', counts: [9, 0, 0], at, labels }), WEB, at)
  add(store, report({ counts: [5, 0, 0], at }), WEB, at)
  const rate = (traffic: { view(now: number, seconds: number): { rate: number } } | undefined) =>
    Math.round((traffic?.view(at + 4000, 30).rate ?? 0) * 30)
  t.equal(rate(store.edges.get(pairKey('web.shop', 'catalog-v1.shop'))), 9)
  t.equal(rate(store.backends.get(pairKey('HTTPRoute/shop/catalog/0', 'shop/catalog-v1/8080'))), 9)
  t.equal(rate(store.edges.get(pairKey(OUTSIDE, 'web.shop'))), 5)
  t.equal(store.servers.get('catalog-v1.shop'), undefined)
})

t.test('a namespace that a reporter claims is not believed over its token', async (t) => {
  const store = new MetricStore()
  const request = report({ counts: [1, 0, 0], at: START + 1 })
  const claimed = attributes({ 'service.name': 'web', 'service.namespace': 'bank' })
  const [metrics] = request.resourceMetrics ?? []
  add(store, { resourceMetrics: [{ ...metrics, resource: { attributes: claimed } }] }, WEB, START + 1)
  t.ok(store.servers.get('web.shop'))
  t.equal(store.servers.get('web.bank'), undefined)
})

t.test('malformed and endless histograms are refused and counted', async (t) => {
  const store = new MetricStore()
  const bad: Report[] = [
    { counts: [1, 2], bounds: [1, 2, 3], at: START },
    { counts: [], bounds: [], at: START },
    { counts: [1, 2, 3], bounds: [2, 1], at: START },
    { counts: [1, 2, 3], bounds: [1, Number.NaN], at: START },
    {
      counts: Array.from({ length: 1000 }, () => 1),
      bounds: Array.from({ length: 999 }, (_, i) => i),
      at: START,
    },
  ]
  for (const one of bad) t.equal(add(store, report(one), WEB, START), 1, JSON.stringify(one).slice(0, 60))
  t.equal(add(store, {}, WEB, START), 0)
})

const caller = (namespace: string, name: string) => ({
  namespace,
  service: name,
  pod: `${name}-1`,
  behind: [],
})

t.test('what a pod served counts for the Services that lead to it, once each', async (t) => {
  const store = new MetricStore()
  const behind = ['catalog.shop', 'catalog-v1.shop']
  for (const [pod, service, count] of [
    ['a', 'catalog-v1', 3],
    ['b', 'catalog-v2', 4],
  ] as const) {
    const reporter = { ...caller('shop', pod), service, behind: pod === 'a' ? behind : ['catalog.shop'] }
    add(store, report({ counts: [count, 0, 0], at: START + 1000 }), reporter, START + 1000)
  }
  const totals = [...store.servers.entries()].map(([key, traffic]) => [
    key,
    Math.round(traffic.view(START + 8000, 30).rate * 30),
  ])
  t.strictSame(
    new Map(totals as [string, number][]),
    new Map([
      ['catalog-v1.shop', 3],
      ['catalog.shop', 7],
      ['catalog-v2.shop', 4],
    ]),
  )
  t.ok(store.edges.get(pairKey(OUTSIDE, 'catalog.shop')), 'who has no identity called the Service')
})

t.test('mutual TLS is counted as it was seen; what was not sent, or is not told, is neither', async (t) => {
  const store = new MetricStore()
  const at = START + 1000
  const tell = (side: 'server' | 'client', count: number, mtls: boolean | undefined, flags = '-') => {
    const labels = { 'weft.response_flags': flags, 'weft.destination_service': 'catalog.shop' }
    const request = report({ metric: `http.${side}.request.duration`, counts: [count, 0, 0], at, labels })
    const [point] = request.resourceMetrics?.[0]?.scopeMetrics?.[0]?.metrics?.[0]?.histogram?.dataPoints ?? []
    const told: KeyValue[] = mtls === undefined ? [] : [{ key: 'weft.mtls', value: { boolValue: mtls } }]
    const all = [...(point?.attributes ?? []), ...told]
    const metric = `http.${side}.request.duration`
    add(store, reportOf({ ...point, attributes: all }, metric), WEB, at)
  }
  tell('server', 5, true)
  tell('server', 2, false, 'DC')
  tell('server', 1, undefined, '_OTHER')
  tell('client', 7, true)
  tell('client', 3, false)
  tell('client', 4, false, 'UF')
  const rounded = (table: MetricStore['servers'], key: string) =>
    Object.entries(table.get(key)?.view(at + 8000, 30).transport ?? {}).map(([, count]) =>
      Math.round(Number(count)),
    )
  t.strictSame(rounded(store.servers, 'web.shop'), [5, 2, 1], 'a plaintext caller that left was one')
  t.strictSame(rounded(store.destinations, 'catalog.shop'), [7, 3, 4], 'who could not be reached got nothing')
})

t.test('who counts nothing any more is forgotten', async (t) => {
  const store = new MetricStore()
  const at = START + 1000
  for (let i = 0; i < 50; i++) add(store, report({ counts: [1, 0, 0], at }), caller('shop', `s${i}`), at)
  t.equal([...store.servers.entries()].length, 50)
  add(store, report({ counts: [2, 0, 0], at: at + 3_600_000 }), WEB, at + 3_600_000)
  t.equal([...store.servers.entries()].length, 0)
  t.equal(store.series, 1)
})

t.test('one pod that makes up series and one namespace of such pods shut nobody out', async (t) => {
  const [perPod, perNamespace] = [MIB, 4 * MIB]
  const store = new MetricStore(undefined, { perPod, perNamespace, total: 8 * MIB })
  // What is remembered of attributes, and the figures of those who told them.
  const beside = 17 * MIB
  const at = START + 1000
  add(store, report({ counts: [1, 0, 0], at }), WEB, at)
  for (let i = 0; i < 20_000; i++) {
    const labels = { 'weft.cluster': `${i}`.padStart(1000, 'x') }
    add(store, report({ counts: [1, 0, 0], at, labels }), caller('evil', `e${i % 2}`), at)
  }
  t.ok(store.bytes < 2 * perPod + beside, `two pods hold ${store.bytes}`)
  t.ok(store.series < 6000 && store.evicted > 14_000, `${store.series} series, ${store.evicted} gone`)
  for (let i = 0; i < 20_000; i++) {
    const labels = { 'weft.cluster': `${i}`.padStart(1000, 'x') }
    add(store, report({ counts: [1, 0, 0], at, labels }), caller('evil', `e${i % 40}`), at)
  }
  t.ok(store.bytes < perNamespace + beside, `its namespace holds ${store.bytes}`)
  add(store, report({ counts: [5, 0, 0], at: at + 2000 }), WEB, at + 2000)
  const total = (store.servers.get('web.shop')?.view(at + 8000, 30).rate ?? 0) * 30
  t.ok(Math.abs(total - 5) < 1e-6, `the one before is still known: ${total}`)
  add(store, report({ counts: [7, 0, 0], at: at + 2000 }), caller('shop', 'late'), at + 2000)
  t.ok(store.servers.get('late.shop'), 'and a new one is taken')
})

t.test('what is no attribute of a sidecar makes no series', async (t) => {
  const store = new MetricStore()
  const at = START + 1000
  for (let i = 0; i < 100; i++) {
    const labels = { [`key${i}`]: 'x'.repeat(1000), 'server.name': `${i}` }
    add(store, report({ counts: [1, 0, 0], at, labels }), WEB, at)
  }
  t.equal(store.series, 1)
  const sent = Array.from({ length: 64 }, (_, i) => ({
    key: `k${i}`,
    value: { stringValue: 'x'.repeat(1024) },
  }))
  const request = report({ counts: [1, 0, 0], at })
  const [point] = request.resourceMetrics?.[0]?.scopeMetrics?.[0]?.metrics?.[0]?.histogram?.dataPoints ?? []
  t.equal(add(store, reportOf({ ...point, attributes: sent }), WEB, at), 1, 'nor is a point of 71 KiB read')
  t.equal(store.series, 1)
})

t.test(
  'a reporter tells of the routes that its namespace follows and of Services that there are',
  async (t) => {
    const store = new MetricStore({
      hasService: (name) => name === 'catalog.shop',
      follows: (namespace, rule, cluster) => namespace === 'shop' && rule === 'r' && cluster === 'c',
      askedBy: () => undefined,
      tells: () => true,
    })
    const at = START + 1000
    const metric = 'http.client.request.duration'
    const tell = (by: Reporter, route: string, cluster: string, service: string) => {
      const labels = { 'http.route': route, 'weft.cluster': cluster, 'weft.destination_service': service }
      t.equal(add(store, report({ metric, counts: [1, 0, 0], at, labels }), by, at), 0)
    }
    tell(caller('elsewhere', 'web'), 'r', 'c', 'made-up.shop')
    tell(WEB, 'other', 'c', 'made-up.shop')
    tell(WEB, 'r', 'other', 'made-up.shop')
    t.strictSame([...store.backends.entries(), ...store.edges.entries(), ...store.destinations.entries()], [])
    tell(WEB, 'r', 'c', 'catalog.shop')
    t.strictSame(
      [...store.backends.entries()].map(([key]) => key),
      [pairKey('r', 'c')],
    )
    t.strictSame(
      [...store.edges.entries()].map(([key]) => key),
      [pairKey('web.shop', 'catalog.shop')],
    )
  },
)

t.test(
  'buckets of any histogram keep their number in ours; quantiles stay within what was counted',
  async (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { minLength: 2, maxLength: 30 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (counts, share) => {
          const bounds = counts.slice(1).map((_, i) => (i + 1) ** 2 / 1000)
          const own = new Float64Array(BUCKETS)
          rebucket(counts, bounds, own)
          const total = counts.reduce((sum, count) => sum + count, 0)
          const kept = own.reduce((sum, count) => sum + count, 0)
          const quantile = quantileMs(own, share)
          if (total === 0) return kept === 0 && quantile === undefined
          return kept === total && quantile !== undefined && quantile >= 0 && quantile <= 10_000
        },
      ),
    )
    const all = new Float64Array(BUCKETS)
    all[3] = 100
    t.equal(quantileMs(all, 1), (BOUNDS[3] as number) * 1000)
    t.equal(quantileMs(all, 0.5), 3.75)
  },
)

t.test('a window loses nothing that lies within it and forgets what lies before', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 20_000 }), fc.nat(100)), { maxLength: 20 }),
      (parts) => {
        const window = new SlidingWindow(1)
        let at = START
        let total = 0
        for (const [length, amount] of parts) {
          window.add([amount], at, at + length)
          at += length
          if (START + 400_000 > at) total += amount
        }
        const seen = window.totals(at + 6000, 60)[0] as number
        return at - START > 110_000 ? seen <= total + 1e-6 : Math.abs(seen - total) < 1e-6
      },
    ),
  )
})

t.test('what a route leads elsewhere was asked for by the name that the route hangs on', async (t) => {
  const store = new MetricStore({
    hasService: () => true,
    follows: () => true,
    askedBy: (_, rule) => (rule === 'r' ? 'catalog.shop' : undefined),
    tells: (identity) => identity === 'spiffe://td/ns/shop/sa/web',
  })
  const at = START + 1000
  const metric = 'http.client.request.duration'
  const tell = (labels: Record<string, string>, of: string, by: Reporter = WEB) =>
    t.equal(add(store, report({ metric: of, counts: [1, 0, 0], at, labels }), by, at), 0)
  tell({ 'weft.route': 'r', 'weft.cluster': 'v2', 'weft.destination_service': 'catalog-v2.shop' }, metric)
  // A backend that there is not has no cluster and no Service.
  tell({ 'http.route': 'r', 'weft.cluster': '', 'weft.destination_service': '' }, metric)
  tell({ 'http.route': '', 'weft.cluster': 'v2', 'weft.destination_service': 'catalog-v2.shop' }, metric)
  const sums = (of: MetricStore['edges']) =>
    Object.fromEntries([...of.entries()].map(([key, one]) => [key, one.totals.judged]))
  t.strictSame(sums(store.destinations), { 'catalog.shop': 2, 'catalog-v2.shop': 1 })
  t.strictSame(sums(store.edges), {
    [pairKey('web.shop', 'catalog.shop')]: 2,
    [pairKey('web.shop', 'catalog-v2.shop')]: 1,
  })

  const server = 'http.server.request.duration'
  tell({ 'weft.source_identity': 'spiffe://td/ns/shop/sa/web' }, server)
  tell({ 'weft.source_identity': 'spiffe://td/ns/shop/sa/web', 'weft.response_flags': 'UAEX' }, server)
  tell({ 'weft.source_identity': 'spiffe://td/ns/shop/sa/grpc' }, server)
  tell({ 'weft.source_identity': '' }, server)
  t.strictSame(
    sums(store.arrivals),
    Object.fromEntries(
      ['spiffe://td/ns/shop/sa/web', 'spiffe://td/ns/shop/sa/grpc', ''].map((identity) => [
        pairKey(identity, 'web.shop'),
        1,
      ]),
    ),
    'of those who tell themselves, only what was refused',
  )
})
