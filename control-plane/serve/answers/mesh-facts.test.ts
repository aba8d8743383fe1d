import { fastify } from 'fastify'
import t from 'tap'
import type { CheckFinding, Checks } from '../../../core/api/checks.ts'
import { ManualClock } from '../../../core/clock.ts'
import type { Problem } from '../../../core/problem.ts'
import type { Replica } from '../../canary/evidence/gathered-counts.ts'
import { proxyProblems } from '../../problems/mesh-problems.ts'
import type { ServiceView } from '../../service-view.ts'
import { mergedFindings } from '../checks/merged-findings.ts'
import type { MeshOverview, NamedProxy, ProxyView } from '../rest/overview.ts'
import { rest } from '../rest/rest.ts'
import type { RouteRow } from '../rest/routes.ts'
import type { ServiceRow } from '../rest/services.ts'
import { DecisionStore } from '../telemetry/decision-store.ts'
import { BUCKETS } from '../telemetry/durations.ts'
import { MetricStore, pairKey } from '../telemetry/metric-store.ts'
import type { ObservedView } from '../telemetry/observed-view.ts'
import { TraceStore } from '../telemetry/trace-store.ts'
import type { StoredSpan } from '../telemetry/stored-span.ts'

const START = Date.UTC(2026, 0, 1)
const RULE = 'HTTPRoute/shop/catalog/0'
const TRACE = 'c'.repeat(32)

const CATALOG: ServiceView = {
  namespace: 'shop',
  name: 'catalog',
  addresses: [],
  ports: [
    {
      port: 80,
      name: 'http',
      protocol: 'http',
      cluster: 'shop/catalog/80',
      endpoints: [],
      consumerRoutes: {},
      routes: [
        {
          name: RULE,
          match: '/*',
          action: 'forward',
          backends: [{ cluster: 'shop/catalog/80', weight: 1, percent: 100 }],
        },
      ],
    },
  ],
}

const FINDING: Problem = {
  code: 'WEFT0705',
  severity: 'info',
  kind: 'Service',
  namespace: 'shop',
  name: 'catalog',
  field: '',
  message: 'it was called 3 times',
  remedy: 'none',
  file: null,
  line: null,
  column: null,
}
const UNUSED: Problem = { ...FINDING, code: 'WEFT0701', message: 'no request followed it' }

interface Told {
  readonly pod: string
  readonly version: number
  readonly requests: number
  readonly bucket: number
  readonly rejected?: string
  readonly checks: readonly Problem[]
  /** When, and for whom. */
  readonly refused: readonly (readonly [atMs: number, caller: string])[]
  readonly others?: readonly Replica[]
}

/** A replica of its own, with what it was told. */
async function replica(t: { teardown(task: () => unknown): void }, told: Told) {
  const clock = new ManualClock(START)
  const stores = {
    metrics: new MetricStore(),
    traces: new TraceStore(undefined, clock),
    decisions: new DecisionStore(),
  }
  const counts = new Float64Array(BUCKETS)
  counts[told.bucket] = told.requests
  const { metrics } = stores
  for (const [table, key] of [
    [metrics.servers, 'catalog.shop'],
    [metrics.edges, pairKey('web.shop', 'catalog.shop')],
    [metrics.backends, pairKey(RULE, 'shop/catalog/80')],
  ] as const)
    table
      .at(key, 'shop', START)
      .add(counts, { outcome: 'answered', transport: 'mutualTls' }, START + 2000, START + 4000)
  const span = (over: Partial<StoredSpan>): StoredSpan => ({
    traceId: TRACE,
    spanId: `${told.pod.at(-1)}`.repeat(16),
    parentSpanId: '',
    name: 'GET',
    kind: 'server',
    service: 'catalog',
    namespace: 'shop',
    pod: told.pod,
    startMs: START,
    durationMs: 1,
    status: 'unset',
    statusMessage: '',
    attributes: {},
    ...over,
  })
  stores.traces.add(span({}))
  for (const [index, [atMs, caller]] of told.refused.entries())
    stores.decisions.add(
      span({
        traceId: `${told.pod.at(-1)}${index}`.padEnd(32, 'd'),
        startMs: START + atMs,
        attributes: {
          'weft.policy.decision': 'denied',
          'http.request.method': 'GET',
          'weft.source_identity': caller,
        },
      }),
    )
  const proxy: NamedProxy = {
    node: `${told.pod}.shop`,
    namespace: 'shop',
    pod: told.pod,
    serviceAccount: 'default',
    service: 'catalog',
    connectedAt: START,
    version: told.version,
    rejected: told.rejected ?? '',
  }
  const mesh = {
    trustDomain: 'cluster.local',
    version: () => told.version,
    services: () => [CATALOG],
    workloads: () => 2,
    problems: (_own: boolean, of: readonly NamedProxy[] = []) => proxyProblems(of),
    proxies: () => [proxy],
    issuer: () => ({
      title: 'Secret',
      trouble: told.rejected === undefined ? null : { at: START, message: 'it cannot be read' },
    }),
  } as unknown as MeshOverview
  const observed = async (): Promise<ObservedView> => ({
    now: START,
    since: 0,
    evicted: 1,
    workloads: [],
    withoutSidecar: [`${told.pod}.shop`],
  })
  const app = fastify()
  await app.register(rest, {
    ...{ mesh, ...stores, release: '0', clock, observed },
    checks: async () => told.checks,
    replicas: () => told.others ?? [],
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  clock.advance(8000)
  t.teardown(() => app.close())
  const get = async <T>(path: string): Promise<T> => (await fetch(`${address}${path}`)).json() as Promise<T>
  return { app, address, get }
}

t.test('pages about proxies, checks, refusals and calls speak for all replicas', async (t) => {
  const two = await replica(t, {
    pod: 'catalog-2',
    version: 40,
    requests: 10,
    bucket: 9,
    rejected: 'no such cluster',
    checks: [{ ...FINDING, message: 'it was called 9 times' }],
    refused: [
      [3000, 'a'],
      [1000, 'b'],
    ],
  })
  const others: Replica[] = [{ pod: 'weft-system/two', address: two.address }]
  const one = await replica(t, {
    ...{ pod: 'catalog-1', version: 7, requests: 30, bucket: 2, others },
    checks: [FINDING, UNUSED],
    refused: [[2000, 'a']],
  })
  const all = { answered: 2, missing: [] }

  const proxies = await one.get<{ coverage: object; proxies: ProxyView[] }>('/api/proxies')
  t.strictSame(proxies.coverage, all)
  t.match(proxies.proxies, [
    { pod: 'catalog-1', replica: '', version: 7, latest: 7 },
    { pod: 'catalog-2', replica: 'weft-system/two', version: 40, latest: 40 },
  ])
  t.match(await one.get('/api/problems'), {
    coverage: all,
    problems: [{ code: 'WEFT0601', name: 'catalog-2' }],
  })
  t.match(await one.get('/api/mesh'), {
    coverage: all,
    version: 7,
    issuer: { trouble: { message: 'it cannot be read' } },
    proxies: { connected: 2, expected: 2, rejecting: 1 },
    problems: { errors: 1 },
    telemetry: { traces: 2 },
    replicas: [
      { replica: '', version: 7, proxies: 1 },
      { replica: 'weft-system/two', version: 40 },
    ],
    may: { act: false },
  })

  const checks = await one.get<Checks>('/api/checks?namespace=shop')
  t.strictSame(checks.coverage, all)
  t.strictSame(
    checks.checks.map(({ code }) => code),
    ['WEFT0705'],
    'once, and of what is found by absence nothing that another saw',
  )

  const { services } = await one.get<{ services: ServiceRow[] }>('/api/services')
  t.equal(services.length, 1)
  t.equal(services[0]?.rate, 40 / 30)
  t.equal(
    services[0]?.history.reduce((sum, rate) => sum + 2 * rate, 0),
    40,
  )
  t.match(services[0]?.callers, [{ source: 'web.shop', rate: 40 / 30 }])
  t.ok((services[0]?.p95Ms ?? 0) > 75, 'of the slow ones of the other')
  const { routes } = await one.get<{ routes: RouteRow[] }>('/api/routes')
  t.match(routes, [{ name: RULE, rate: 4, backends: [{ observedPercent: 100 }] }])
  t.ok((routes[0]?.backends[0]?.p95Ms ?? 0) > 75)

  const { refusals } = await one.get<{ refusals: { time: number }[] }>('/api/authorization/decisions')
  t.strictSame(
    refusals.map(({ time }) => time - START),
    [3000, 2000, 1000],
  )
  t.match(await one.get('/api/authorization/decisions?limit=1'), { refusals: [{ time: START + 3000 }] })
  t.match(await one.get('/api/authorization/denials'), {
    coverage: all,
    denials: [
      { count: 2, last: { time: START + 3000 } },
      { count: 1, last: { time: START + 1000 } },
    ],
  })
  t.match(await one.get('/api/authorization/observed'), {
    coverage: all,
    evicted: 2,
    withoutSidecar: ['catalog-1.shop', 'catalog-2.shop'],
  })
  t.match(await one.get(`/api/traces/${TRACE}`), { spanCount: 2 })

  await two.app.close()
  const missing = { answered: 1, missing: [{ replica: 'weft-system/two' }] }
  for (const page of [
    ...['proxies', 'problems', 'mesh', 'checks', 'services', 'routes'],
    ...['authorization/decisions', 'authorization/denials', 'authorization/observed'],
  ])
    t.match(await one.get(`/api/${page}`), { coverage: missing }, page)
  const alone = await one.get<Checks>('/api/checks')
  t.strictSame(
    alone.checks.map(({ code }) => code),
    ['WEFT0705'],
    'nobody knows what the other saw',
  )
})

t.test('what one replica found, none has to miss', (t) => {
  const finding = (code: string, message = 'it is so'): CheckFinding => ({
    ...{ kind: 'Service', namespace: 'shop', name: 'web', field: '', effect: '', remedy: '' },
    ...{ file: null, line: null, column: null, severity: 'info', code, message },
  })
  const codes = (all: CheckFinding[][], missing: string[] = []) =>
    mergedFindings(all, {
      answered: all.length,
      missing: missing.map((name) => ({ replica: name, reason: '' })),
    }).map(({ code }) => code)
  const [unused, plain] = [finding('WEFT0701'), finding('WEFT0705', 'called 3 times')]
  t.strictSame(
    codes([
      [unused, plain],
      [unused, finding('WEFT0705', 'called 9 times')],
    ]),
    ['WEFT0701', 'WEFT0705'],
  )
  t.strictSame(codes([[unused], [plain]]), ['WEFT0705'], 'used at the other')
  t.strictSame(codes([[unused, plain]], ['c']), ['WEFT0705'], 'nobody knows')
  t.end()
})
