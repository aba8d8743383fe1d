import fastify from 'fastify'
import { Counter } from '../../../core/metrics/instruments.ts'
import { OPENMETRICS_TYPE } from '../../../core/metrics/openmetrics.ts'
import { PROMETHEUS_TEXT_TYPE } from '../../../core/metrics/prometheus-text.ts'
import t from 'tap'
import type { Problem } from '../../../core/problem.ts'
import type { ServiceView } from '../../service-view.ts'
import { DecisionStore } from '../telemetry/decision-store.ts'
import { MetricStore } from '../telemetry/metric-store.ts'
import type { Transport, TransportView } from '../telemetry/traffic.ts'
import { TraceStore } from '../telemetry/trace-store.ts'
import { ManualClock } from '../../../core/clock.ts'
import { pairKey } from '../telemetry/metric-store.ts'
import type { ObservedQuery, ObservedView } from '../telemetry/observed-view.ts'
import { BUCKETS } from '../telemetry/durations.ts'
import type { MeshOverview } from './overview.ts'
import { rest, type RestOptions } from './rest.ts'
import type { MtlsRow } from './services.ts'

const START = Date.UTC(2026, 0, 1)
const ROUTE = 'HTTPRoute/shop/catalog/0'
const TRACE = '0af7651916cd43dd8448eb211c80319c'

const CATALOG: ServiceView = {
  namespace: 'shop',
  name: 'catalog',
  addresses: ['10.96.0.1'],
  ports: [
    {
      port: 8080,
      name: 'http',
      protocol: 'http',
      cluster: 'shop/catalog/8080',
      endpoints: [],
      consumerRoutes: {},
      routes: ['/a*', '/b*'].map((match) => ({
        name: ROUTE,
        match,
        action: 'forward' as const,
        backends: [
          { cluster: 'shop/catalog-v1/8080', weight: 90, percent: 90 },
          { cluster: 'shop/catalog-v2/8080', weight: 10, percent: 10 },
        ],
      })),
    },
  ],
}

const PROBLEM: Problem = {
  code: 'WEFT0002',
  file: '/m/shop.yaml',
  line: 3,
  column: 5,
  kind: 'HTTPRoute',
  namespace: 'shop',
  name: 'catalog',
  field: 'spec.rules',
  severity: 'error',
  message: 'must be a list',
  remedy: 'write a list',
}

const AUTHORIZATION = {
  trustDomain: 'cluster.local',
  identity: 'spiffe://cluster.local/ns/shop/sa/web',
  addresses: ['10.0.0.7'],
  paths: { normalize: true, escapedSlashes: 'guard', parameters: 'guard' },
  captured: { include: '*', exclude: [] },
  ports: [],
  notCovered: [],
} as const

const MESH: MeshOverview = {
  issuer: () => ({ title: 'Secret weft-system/weft-ca', trouble: null }),
  canaries: () => [],
  trustDomain: 'cluster.local',
  version: () => 7,
  services: () => [CATALOG],
  policies: () => ({
    policies: [],
    services: [{ namespace: 'shop', name: 'catalog', settings: { hedging: { afterMs: 50, maximum: 1 } } }],
  }),
  authorization: (namespace, pod) =>
    namespace === 'shop' && pod === 'web-1' ? { ...AUTHORIZATION, namespace, pod } : undefined,
  targets: (namespace, name, port) => ({
    kind: 'Service',
    ports: [8080],
    targets: [{ namespace, pod: `${name}-1`, address: '10.0.0.7', port, meshed: true }],
  }),
  workloads: () => 3,
  pods: () => [{ namespace: 'shop', pod: 'web-2', service: 'web', serviceAccount: 'web' }],
  problems: () => [PROBLEM, { ...PROBLEM, severity: 'warning' }],
  proxies: () => [
    {
      node: 'web-1.shop',
      namespace: 'shop',
      pod: 'web-1',
      serviceAccount: 'web',
      service: 'web',
      connectedAt: START,
      version: 7,
      rejected: '',
    },
  ],
}

function setUp(
  t: { teardown(task: () => unknown): void },
  more: Partial<Pick<RestOptions, 'families' | 'mesh' | 'names' | 'notReady'>> = {},
) {
  const clock = new ManualClock(START)
  const traces = new TraceStore()
  const decisions = new DecisionStore()
  const metrics = new MetricStore()
  const app = fastify()
  void app.register(rest, { mesh: MESH, traces, decisions, metrics, release: '0.1.0', clock, ...more })
  t.teardown(() => app.close())
  const get = async (url: string) => {
    const reply = await app.inject({ url })
    return { status: reply.statusCode, headers: reply.headers, body: reply.json<Record<string, unknown>>() }
  }
  return { app, clock, traces, decisions, metrics, get }
}

t.test('a Service is told whole, with every endpoint; one that is not there is no page', async (t) => {
  const { get } = setUp(t)
  t.match((await get('/api/services/shop/catalog')).body, { name: 'catalog', ports: CATALOG.ports })
  const missing = await get('/api/services/shop/none')
  t.match([missing.status, missing.body], [404, { error: { code: 'api.no_service' } }])
  t.equal((await get('/api/services/shop/%3Cimg%3E')).status, 400)
})

t.test('a route shows each rule once, with the configured and the seen split', async (t) => {
  const { app, clock, metrics, get } = setUp(t)
  await app.ready()
  const counts = new Float64Array(BUCKETS)
  for (const [cluster, amount] of [
    ['shop/catalog-v1/8080', 80],
    ['shop/catalog-v2/8080', 20],
  ] as const) {
    counts.fill(0)
    counts[2] = amount
    metrics.backends
      .at(pairKey(ROUTE, cluster), 'shop', START)
      .add(counts, { outcome: 'answered', transport: 'mutualTls' }, START, START + 2000)
  }
  clock.advance(6000)
  const { body } = await get('/api/routes')
  const [route] = body['routes'] as [{ backends: { percent: number; observedPercent: number }[] }]
  t.equal((body['routes'] as unknown[]).length, 1)
  t.match(route, { name: ROUTE, parent: 'shop/catalog/8080', matches: ['/a*', '/b*'], rate: 10 })
  t.match(route.backends, [
    { percent: 90, observedPercent: 80 },
    { percent: 10, observedPercent: 20 },
  ])
})

t.test('what was seen of callers, of a namespace and a time; and the objects that decide', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  const asked: object[] = []
  const observed = async (query: ObservedQuery): Promise<ObservedView> => {
    asked.push(query)
    return { now: query.now, since: query.sinceMs, evicted: 0, workloads: [], withoutSidecar: [] }
  }
  const stores = { traces: new TraceStore(), metrics: new MetricStore(), decisions: new DecisionStore() }
  const policyObjects = () => [{ kind: 'MeshPolicy' }]
  const clock = new ManualClock(START)
  void app.register(rest, { mesh: MESH, ...stores, release: '0.1.0', clock, observed, policyObjects })
  const get = async (url: string) => (await app.inject({ url })).json<Record<string, unknown>>()
  t.match(await get('/api/authorization/observed?namespace=shop&since=3600'), { workloads: [], now: START })
  await get('/api/authorization/observed')
  t.same(asked, [
    { namespace: 'shop', sinceMs: START - 3_600_000, now: START },
    { namespace: undefined, sinceMs: START - 86_400_000, now: START },
  ])
  for (const [query, parameter] of [
    ['since=0', 'since'],
    ['since=86401', 'since'],
    ['namespace=A', 'namespace'],
    ['x=1', 'x'],
  ])
    t.match(await get(`/api/authorization/observed?${query}`), { error: { parameter } })
  t.same(await get('/api/authorization/objects'), { objects: [{ kind: 'MeshPolicy' }] })
})

t.test('policies, with what they say to each Service', async (t) => {
  const { get } = setUp(t)
  const { body } = await get('/api/policies')
  t.same(body['services'], [
    { namespace: 'shop', name: 'catalog', settings: { hedging: { afterMs: 50, maximum: 1 } } },
  ])
})

t.test('what holds for a pod, and the pods behind a port', async (t) => {
  const { get } = setUp(t)
  t.match((await get('/api/authorization/workloads/shop/web-1')).body, {
    pod: 'web-1',
    identity: 'spiffe://cluster.local/ns/shop/sa/web',
  })
  const none = await get('/api/authorization/workloads/shop/web-2')
  t.match(none, { status: 404, body: { error: { code: 'api.no_pod', parameter: 'pod' } } })
  t.match((await get('/api/authorization/targets/shop/catalog/8080')).body, {
    kind: 'Service',
    targets: [{ namespace: 'shop', pod: 'catalog-1', port: 8080 }],
  })
  for (const [path, parameter] of [
    ['workloads/Shop/web-1', 'namespace'],
    ['workloads/shop/web-1?x=1', 'x'],
    ['targets/shop/catalog/0', 'port'],
    ['targets/shop/catalog/65536', 'port'],
    ['targets/shop/catalog/http', 'port'],
  ] as const)
    t.match(await get(`/api/authorization/${path}`), { status: 400, body: { error: { parameter } } }, path)
})

t.test('refusals: by reference, namespace and time, and counted', async (t) => {
  const { get, decisions, clock } = setUp(t)
  const tell = (n: number, namespace: string) =>
    decisions.add({
      traceId: n.toString().repeat(32),
      spanId: '1'.repeat(16),
      parentSpanId: '',
      name: 'GET',
      kind: 'server',
      service: 'web',
      namespace,
      pod: 'web-1',
      startMs: clock.now(),
      durationMs: 1,
      status: 'unset',
      statusMessage: '',
      attributes: { 'weft.policy.decision': 'denied', 'http.request.method': 'GET' },
    })
  tell(1, 'shop')
  clock.advance(400_000)
  tell(2, 'shop')
  tell(3, 'pay')
  const found = async (query: string) => {
    const { refusals } = (await get(`/api/authorization/decisions${query}`)).body
    return (refusals as { reference: string }[]).map(({ reference }) => reference[0] ?? '').toSorted()
  }
  t.strictSame(await found(''), ['1', '2', '3'])
  t.strictSame(await found(`?reference=${'1'.repeat(32)}`), ['1'])
  t.strictSame(await found('?namespace=shop'), ['1', '2'])
  t.strictSame(await found('?namespace=shop&since=60'), ['2'])
  t.equal((await found('?limit=1')).length, 1)
  t.match((await get('/api/authorization/denials')).body, {
    windowSeconds: 300,
    denials: [{ count: 1 }, { count: 1 }],
  })
  for (const [query, parameter] of [
    ['reference=x', 'reference'],
    ['namespace=A', 'namespace'],
    ['since=0', 'since'],
    ['limit=1001', 'limit'],
    ['what=1', 'what'],
  ] as const)
    t.match(
      await get(`/api/authorization/decisions?${query}`),
      { status: 400, body: { error: { parameter } } },
      query,
    )
})

t.test('Prometheus reads the metrics, in the format that it asks for', async (t) => {
  const counted = new Counter({ name: 'weft.asked', unit: '', type: 'counter', help: 'Asked.' })
  const { app } = setUp(t, {
    families: ({ trustDomain }) => (counted.add([], trustDomain.length), [counted.family()]),
  })
  const reply = await app.inject({ url: '/metrics' })
  t.equal(reply.headers['content-type'], PROMETHEUS_TEXT_TYPE)
  t.equal(
    reply.body,
    '# HELP weft_asked_total Asked.\n# TYPE weft_asked_total counter\nweft_asked_total 13\n',
  )
  const accept = 'application/openmetrics-text;version=1.0.0'
  const open = await app.inject({ url: '/metrics?created', headers: { accept } })
  t.equal(open.headers['content-type'], OPENMETRICS_TYPE)
  t.match(open.body, /^weft_asked_created \d+/m)
  t.equal((await app.inject({ url: '/metrics?name=catalog' })).statusCode, 400)
})

t.test('a web page whose name resolves to it reads nothing', async (t) => {
  const { app } = setUp(t, { names: ['Dashboard.example.com'] })
  const ask = async (url: string, headers: Record<string, string>) =>
    (await app.inject({ url, headers })).statusCode
  for (const url of ['/api/mesh', '/api/proxies', '/api/nothing', '/', '/api/traces/../mesh'])
    t.equal(await ask(url, { host: 'rebound.example:15080' }), 403, url)
  for (const host of ['10.0.0.7:15080', 'localhost:15080', 'dashboard.example.com'])
    t.equal(await ask('/api/mesh', { host }), 200, host)
  for (const url of ['/live', '/ready']) t.equal(await ask(url, { host: 'probe.example' }), 200, url)
  const throughApiServer = { host: 'kubernetes.example', 'sec-weft-client': 'weft' }
  t.equal(await ask('/api/mesh', throughApiServer), 200, 'a field that no script can send')
})

t.test('the lock says what was seen of requests, not what sidecars could do', async (t) => {
  const endpoint = (meshed: boolean) => ({
    address: '10.244.0.1',
    port: 8080,
    health: 'healthy' as const,
    meshed,
    identity: '',
    workload: '',
    owner: '',
    zone: '',
    node: '',
  })
  const [port] = CATALOG.ports
  if (!port) throw new Error('no port')
  const observed = async (
    seen: { server?: Partial<TransportView>; callers?: Partial<TransportView> },
    meshed: readonly boolean[] = [true, true],
  ) => {
    const { app, clock, metrics, get } = setUp(t, {
      mesh: {
        ...MESH,
        services: () => [{ ...CATALOG, ports: [{ ...port, endpoints: meshed.map(endpoint) }] }],
      },
    })
    await app.ready()
    const counts = new Float64Array(BUCKETS)
    const tell = (table: MetricStore['servers'], seenThere: Partial<TransportView>) => {
      for (const [transport, count] of Object.entries(seenThere) as [Transport, number][]) {
        counts[2] = count
        table
          .at('catalog.shop', 'shop', START)
          .add(counts, { outcome: 'answered', transport }, START, START + 2000)
      }
    }
    if (seen.server) tell(metrics.servers, seen.server)
    if (seen.callers) tell(metrics.destinations, seen.callers)
    clock.advance(6000)
    const { body } = await get('/api/services')
    const [row] = body['services'] as [{ mtls: MtlsRow }]
    return `${row.mtls.observed} ${row.mtls.mutualTls}/${row.mtls.plaintext}`
  }
  t.equal(await observed({}), 'no-requests 0/0')
  t.equal(await observed({ server: { mutualTls: 9 } }), 'all 9/0')
  t.equal(
    await observed({ server: { mutualTls: 1_000_000, plaintext: 0.01 } }),
    'some 1000000/1',
    'none is lost',
  )
  t.equal(await observed({ server: { plaintext: 4 } }), 'none 0/4')
  t.equal(await observed({ server: { mutualTls: 9, unknown: 1 } }), 'some 9/0')
  t.equal(await observed({ server: { mutualTls: 9 }, callers: { plaintext: 2 } }), 'some 9/2')
  t.equal(await observed({ server: { mutualTls: 9 } }, [true, false]), 'some 9/0', 'one of them sees nothing')
  t.equal(await observed({ callers: { mutualTls: 9, unknown: 3 } }), 'all 9/0', 'what was not sent')
  t.equal(await observed({ callers: { plaintext: 9 } }, [false]), 'none 0/9')
})

t.test('a Service that nobody called stands in the list, without invented figures', async (t) => {
  const { get } = setUp(t)
  const { body } = await get('/api/services')
  t.match(body['services'], [
    { name: 'catalog', namespace: 'shop', seenBy: 'nobody', rate: 0, successRate: null, p99Ms: null },
  ])
})

t.test('traces: listed, found by id, and a clear answer when there is none', async (t) => {
  const { traces, get } = setUp(t)
  traces.add({
    traceId: TRACE,
    spanId: 'b7ad6b7169203331',
    parentSpanId: '',
    name: 'GET',
    kind: 'server',
    service: 'web',
    namespace: 'shop',
    pod: 'web-1',
    startMs: START,
    durationMs: 3,
    status: 'unset',
    statusMessage: '',
    attributes: { 'http.response.status_code': 200 },
  })
  t.match((await get('/api/traces?service=web&limit=5')).body, {
    traces: [{ traceId: TRACE, spanCount: 1, whole: true }],
    more: false,
    coverage: { answered: 1, missing: [] },
  })
  t.match((await get('/api/traces?failed=true')).body, { traces: [] })
  t.match((await get(`/api/traces/${TRACE}`)).body, { traceId: TRACE, spans: [{ kind: 'server' }] })
  const missing = await get(`/api/traces/${'1'.repeat(32)}`)
  t.equal(missing.status, 404)
  t.match(missing.body, { error: { code: 'api.no_trace', parameter: 'id' } })
})

t.test('the map, a series and events answer also where nobody was called', async (t) => {
  const { app, get, clock } = setUp(t)
  await app.ready()
  clock.advance(60_000)
  const { body: graph } = await get('/api/graph?last=30')
  t.match(graph, { nodes: [], edges: [], coverage: { answered: 1 }, to: START + 60_000 - 2000 })
  t.equal((graph['to'] as number) - (graph['from'] as number), 28_000)
  const { body: series } = await get('/api/series?of=service&name=catalog.shop&last=120&points=10')
  t.match(series, { subject: { of: 'service', name: 'catalog.shop' }, exemplars: [] })
  const [times, rate] = [series['times'] as number[], series['rate'] as (number | null)[]]
  t.equal(times.length, rate.length)
  t.equal(rate[0], null, 'before it began nothing is known')
  t.equal(rate.at(-1), 0)
  t.match((await get('/api/events')).body, { events: [] })
})

t.test('a wrong parameter is 400 and named', async (t) => {
  const { get } = setUp(t)
  const wrong: [string, string][] = [
    ['/api/traces?limit=0', 'limit'],
    ['/api/traces?limit=1001', 'limit'],
    ['/api/traces?limit=1e2', 'limit'],
    ['/api/traces?limit=1&limit=2', 'limit'],
    ['/api/traces?failed=yes', 'failed'],
    ['/api/traces?sevice=web', 'sevice'],
    [`/api/traces?service=${'x'.repeat(400)}`, 'service'],
    ['/api/traces?status=6xx', 'status'],
    ['/api/traces?min=fast', 'min'],
    ['/api/services?x=1', 'x'],
    ['/api/graph?last=0', 'last'],
    ['/api/graph?last=86401', 'last'],
    ['/api/graph?last=30&from=1', 'from'],
    ['/api/graph?to=1', 'from'],
    ['/api/graph?from=5&to=5', 'from'],
    ['/api/graph?from=1&to=90000000', 'from'],
    ['/api/graph?from=-1', 'from'],
    ['/api/graph?namespace=A', 'namespace'],
    ['/api/graph?service=web', 'service'],
    ['/api/series', 'of'],
    ['/api/series?of=service', 'name'],
    ['/api/series?of=service&name=a.b&target=c', 'target'],
    ['/api/series?of=edge&source=a.b', 'target'],
    ['/api/series?of=backend&route=r', 'cluster'],
    ['/api/series?of=service&name=a.b&points=1001', 'points'],
    ['/api/events?limit=2001', 'limit'],
    ['/api/events?kind=route', 'kind'],
    ['/api/traces/xyz', 'id'],
    [`/api/traces/${TRACE.toUpperCase()}`, 'id'],
    [`/api/traces/${'0'.repeat(32)}`, 'id'],
  ]
  for (const [url, parameter] of wrong) {
    const { status, body } = await get(url)
    t.equal(status, 400, url)
    t.match(body, { error: { code: 'api.bad_parameter', parameter } }, url)
  }
})

t.test('the mesh in one look, and what is wrong with its configuration', async (t) => {
  const { get } = setUp(t)
  t.match((await get('/api/mesh')).body, {
    release: '0.1.0',
    version: 7,
    proxies: { connected: 1, expected: 3, rejecting: 0 },
    problems: { errors: 1, warnings: 1 },
  })
  t.strictSame((await get('/api/problems')).body, {
    coverage: { answered: 1, missing: [] },
    problems: MESH.problems(false),
  })
  t.match((await get('/api/proxies')).body, { proxies: [{ node: 'web-1.shop' }] })
  t.match((await get('/live')).body, { status: 'live' })
  t.match((await get('/ready')).body, { status: 'ready' })
})

t.test('until it is ready everything but /live says so', async (t) => {
  let reason: string | undefined = 'it lists pods'
  const { get } = setUp(t, { notReady: () => reason })
  t.match((await get('/live')).body, { status: 'live' })
  for (const url of ['/ready', '/api/services', '/api/mesh', '/nothing']) {
    t.match(await get(url), {
      status: 503,
      body: { error: { code: 'api.not_ready', message: 'not ready: it lists pods' } },
    })
  }
  reason = undefined
  t.match((await get('/ready')).body, { status: 'ready' })
  t.equal((await get('/api/mesh')).status, 200)
})

t.test('every answer carries the security headers; nothing can be written', async (t) => {
  const { app, get } = setUp(t)
  for (const url of ['/live', '/nothing', '/api/traces/x', '/api/services']) {
    const { headers } = await get(url)
    t.match(headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/, url)
    t.notMatch(headers['content-security-policy'], 'unsafe', url)
    t.equal(headers['x-content-type-options'], 'nosniff', url)
  }
  for (const method of ['POST', 'PUT', 'DELETE'] as const)
    t.equal((await app.inject({ method, url: '/api/services' })).statusCode, 404)
})
