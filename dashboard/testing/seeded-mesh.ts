import fastify from 'fastify'
import { ManualClock } from '../../core/clock.ts'
import {
  ExportMetricsServiceRequest,
  ExportTraceServiceRequest,
  type KeyValue,
  type Span,
} from '../../core/xds/generated/otlp.js'
import { readDashboard } from '../../control-plane/serve/rest/dashboard-files.ts'
import type { MeshOverview, NamedProxy } from '../../control-plane/serve/rest/overview.ts'
import { rest } from '../../control-plane/serve/rest/rest.ts'
import { BOUNDS, BUCKETS } from '../../control-plane/serve/telemetry/durations.ts'
import { DecisionStore } from '../../control-plane/serve/telemetry/decision-store.ts'
import { MetricStore } from '../../control-plane/serve/telemetry/metric-store.ts'
import { takingPoints, takingSpans } from '../../control-plane/serve/telemetry/receiver.ts'
import { atOnce } from '../../core/in-turns.ts'
import { HELD_BACK_MS } from '../../control-plane/serve/telemetry/trace-query.ts'
import { DEFAULT_TRACE_LIMITS, TraceStore } from '../../control-plane/serve/telemetry/trace-store.ts'
import { buildPage, PAGE } from '../build.ts'
import { randomFrom } from './random.ts'
import type { PortView, RouteView, ServiceView } from '../../control-plane/service-view.ts'

export const START = Date.UTC(2026, 5, 1, 9, 30)

type Text = Record<string, string | number | boolean>

/** A mesh of web, catalog (90/10) and inventory with two minutes behind it, on a free port; its time stands still. */
export async function serveSeededMesh(over: Partial<MeshOverview> = {}) {
  const clock = new ManualClock(START - HELD_BACK_MS)
  const traces = new TraceStore(DEFAULT_TRACE_LIMITS, clock)
  const decisions = new DecisionStore()
  const metrics = new MetricStore()
  seedMetrics(metrics)
  for (let i = 0; i < 60; i++) seedTrace(traces, i, {})
  clock.advance(HELD_BACK_MS)
  const app = fastify()
  await buildPage()
  const dashboard = readDashboard(PAGE)
  await app.register(rest, {
    mesh: { ...MESH, ...over },
    traces,
    decisions,
    metrics,
    dashboard,
    release: '0.1.0',
    clock,
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { url, traces, decisions, metrics, close: () => app.close() }
}

function attributes(values: Text): KeyValue[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value:
      typeof value === 'number'
        ? { intValue: BigInt(value) }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : { stringValue: value },
  }))
}

interface Flow {
  readonly service: string
  readonly side: 'server' | 'client'
  readonly rate: number
  readonly medianMs: number
  readonly failing: number
  readonly labels: Text
}

const flow = (
  service: string,
  side: Flow['side'],
  rate: number,
  medianMs: number,
  failing: number,
  labels: Text = {},
): Flow => ({ service, side, rate, medianMs, failing, labels })

const to = (destination: string, route: string, cluster: string): Text => ({
  'weft.destination_service': `${destination}.shop`,
  'http.route': route,
  'weft.cluster': `shop/${cluster}/8080`,
  'weft.response_flags': '-',
  'weft.mtls': true,
})

const FROM = { 'weft.source_identity': 'spiffe://cluster.local/ns/shop/sa/caller', 'weft.mtls': true }
const PLAIN = { 'weft.mtls': false }
const CATALOG_ROUTE = 'HTTPRoute/shop/catalog/0'
const FLOWS: Flow[] = [
  flow('web', 'server', 171, 7.1, 0.0004, FROM),
  flow('web', 'server', 11, 7.1, 0.0004, PLAIN),
  flow('catalog', 'server', 176, 3.4, 0.0021, FROM),
  flow('inventory', 'server', 193, 1.3, 0.098, FROM),
  flow('web', 'client', 158.6, 4.1, 0.0018, to('catalog-v1', CATALOG_ROUTE, 'catalog-v1')),
  flow('web', 'client', 17.4, 5.8, 0.006, to('catalog-v2', CATALOG_ROUTE, 'catalog-v2')),
  flow('catalog', 'client', 176, 1.9, 0.0003, to('inventory', 'HTTPRoute/shop/inventory/0', 'inventory')),
]

function seedMetrics(metrics: MetricStore): void {
  const random = randomFrom(7)
  const counted = new Map<string, number[]>()
  for (let at = START - 130_000; at <= START; at += 2000)
    for (const [i, one] of FLOWS.entries())
      for (const failed of [false, true]) {
        const counts = counted.get(`${i} ${failed}`) ?? Array.from({ length: BUCKETS }, () => 0)
        counted.set(`${i} ${failed}`, counts)
        const wave = 1 + 0.18 * Math.sin(at / 9000) + 0.1 * (random() - 0.5)
        const requests = one.rate * 2 * wave * (failed ? one.failing : 1 - one.failing)
        for (let n = Math.floor(requests + random()); n > 0; n--) {
          // Log-normal, as latencies are.
          const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
          const seconds = (one.medianMs * Math.exp(0.45 * normal)) / 1000
          const bucket = BOUNDS.findIndex((bound) => seconds <= bound)
          const index = bucket < 0 ? BOUNDS.length : bucket
          counts[index] = (counts[index] ?? 0) + 1
        }
        const labels = { ...one.labels, 'http.response.status_code': failed ? 503 : 200 }
        const reporter = { namespace: 'shop', service: one.service, pod: `${one.service}-1`, behind: [] }
        atOnce(takingPoints({ metrics }, push(one, labels, counts, at), reporter, at))
      }
}

function push(one: Flow, labels: Text, counts: readonly number[], at: number): Uint8Array {
  const point = {
    startTimeUnixNano: BigInt(START - 130_000) * 1_000_000n,
    timeUnixNano: BigInt(at) * 1_000_000n,
    bucketCounts: counts.map(BigInt),
    explicitBounds: [...BOUNDS],
    attributes: attributes(labels),
  }
  const histogram = {
    aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE' as const,
    dataPoints: [point],
  }
  const metric = { name: `http.${one.side}.request.duration`, histogram }
  return ExportMetricsServiceRequest.encode({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] })
}

export interface TraceChange {
  readonly path?: string
  readonly attributes?: Text
  readonly service?: string
}

/** client -> web -> catalog -> inventory: a client and a server span of each hop, some with retries. */
export function seedTrace(traces: TraceStore, index: number, change: TraceChange): string {
  const random = randomFrom(index + 1)
  const id = (length: number): string =>
    Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('')
  const traceId = id(32)
  const retries = index % 7 === 3 ? 1 : index % 17 === 5 ? 2 : 0
  const failed = index % 23 === 11
  const begin = START - (60 - index) * 1900
  const path = change.path ?? ['/stocked/42', '/items/7', '/items?page=2', '/stocked/1138'][index % 4] ?? '/'
  const hops = ['client', 'web', 'catalog', 'inventory']
  const reporter = (service: string) => ({
    namespace: 'shop',
    service,
    pod: `${service}${service === 'catalog' ? '-v1' : ''}-6f9c4d-x7k2p`,
    behind: [],
  })
  let parent = ''
  let from = begin
  let took = 6 + random() * 9 + retries * 11
  hops.slice(0, -1).forEach((source, hop) => {
    const destination = hops[hop + 1] ?? ''
    for (const kind of ['client', 'server'] as const) {
      const spanId = id(16)
      const last = hop === hops.length - 2
      const bad = failed && (last || hop === 0)
      const values: Text = {
        'http.request.method': 'GET',
        'url.path': path.split('?', 1)[0] ?? '',
        'url.scheme': 'http',
        'server.address': destination,
        'http.route': `HTTPRoute/shop/${destination}/0`,
        'http.response.status_code': bad ? 503 : 200,
        'network.protocol.version': '1.1',
        'user_agent.original': 'weft-load/1.0',
        'weft.response_flags': bad && kind === 'client' ? 'URX' : '-',
        'weft.details': 'via_upstream',
        'weft.config_version': '42',
        'weft.source_identity': `spiffe://cluster.local/ns/shop/sa/${source}`,
        'weft.destination_identity': `spiffe://cluster.local/ns/shop/sa/${destination}`,
        ...(kind === 'client' && last && retries > 0 ? { 'http.request.resend_count': retries } : {}),
        ...change.attributes,
      }
      const span: Span = {
        traceId: Buffer.from(traceId, 'hex'),
        spanId: Buffer.from(spanId, 'hex'),
        parentSpanId: Buffer.from(parent, 'hex'),
        name: `GET HTTPRoute/shop/${destination}/0`,
        kind: kind === 'client' ? 'SPAN_KIND_CLIENT' : 'SPAN_KIND_SERVER',
        startTimeUnixNano: BigInt(Math.round(from * 1000)) * 1000n,
        endTimeUnixNano: BigInt(Math.round((from + took) * 1000)) * 1000n,
        attributes: attributes(values),
        status: { code: bad ? 'STATUS_CODE_ERROR' : 'STATUS_CODE_UNSET' },
      }
      const by = change.service ?? (kind === 'client' ? source : destination)
      const report = ExportTraceServiceRequest.encode({
        resourceSpans: [{ scopeSpans: [{ spans: [span] }] }],
      })
      atOnce(takingSpans(traces, report, reporter(by)))
      parent = spanId
      from += kind === 'client' ? 0.25 + random() * 0.3 : 0.8 + random()
      took *= kind === 'client' ? 0.9 : 0.62
    }
  })
  return traceId
}

/** Three kinds of refusals of the last minutes; the first came `count` times. */
export function seedDenials(decisions: DecisionStore, count: number, path = '/charge'): void {
  const web = 'spiffe://cluster.local/ns/shop/sa/web'
  const kinds: readonly [times: number, values: Text][] = [
    [count, { 'url.path': path, 'weft.source_identity': web, 'weft.policy': 'payments/pay/0' }],
    [1, { 'url.path': '/admin', 'client.address': '10.244.0.66', 'weft.policy': 'none' }],
    [
      1,
      { 'http.request.method': '', 'tls.client.server_name': 'db', 'weft.policy.decision': 'dry-run-denied' },
    ],
  ]
  for (const [kind, [times, values]] of kinds.entries())
    for (let i = 0; i < times; i++)
      decisions.add({
        traceId: `${kind + 1}${i}`.padEnd(32, 'a'),
        spanId: `${i}`.padStart(16, 'b'),
        parentSpanId: '',
        name: '',
        kind: 'server',
        service: 'pay',
        namespace: 'payments',
        pod: `pay-${i}`,
        startMs: START - 1000 * (10 * kind + i),
        durationMs: 1,
        status: 'unset',
        statusMessage: '',
        attributes: {
          'http.request.method': 'POST',
          'network.local.port': 8080,
          'weft.policy.decision': 'denied',
          ...values,
        },
      })
}

function port(service: string, endpoints: number, routes: readonly RouteView[] = []): PortView {
  return {
    port: 8080,
    name: 'http',
    protocol: 'http',
    cluster: `shop/${service}/8080`,
    routes,
    consumerRoutes: {},
    endpoints: Array.from({ length: endpoints }, (_, i) => ({
      address: `10.244.0.${10 + i}`,
      port: 8080,
      health: 'healthy',
      meshed: true,
      identity: `spiffe://cluster.local/ns/shop/sa/${service}`,
      workload: `${service}-${i}.shop`,
      owner: '',
      zone: '',
      node: '',
    })),
  }
}

function route(service: string, match: string, ...backends: [string, number][]): RouteView {
  return {
    name: `HTTPRoute/shop/${service}/0`,
    match,
    action: 'forward',
    backends: backends.map(([name, weight]) => ({ cluster: `shop/${name}/8080`, weight, percent: weight })),
  }
}

function service(name: string, endpoints: number, ...routes: RouteView[]): ServiceView {
  return { namespace: 'shop', name, addresses: ['10.96.0.7'], ports: [port(name, endpoints, routes)] }
}

const PODS = ['client', 'web', 'web', 'catalog-v1', 'catalog-v1', 'catalog-v2', 'inventory', 'inventory']
const PROXIES: NamedProxy[] = PODS.map((name, i) => ({
  node: `${name}-${i}.shop`,
  namespace: 'shop',
  pod: `${name}-${i}`,
  serviceAccount: name,
  service: name,
  connectedAt: START - 600_000,
  version: 42,
  rejected: '',
}))

const SERVICES: ServiceView[] = [
  service('catalog', 3, route('catalog', '/*', ['catalog-v1', 90], ['catalog-v2', 10])),
  service('catalog-v1', 2),
  service('catalog-v2', 1),
  service('inventory', 2, route('inventory', '/*', ['inventory', 100])),
  service('web', 2),
]

const MESH: MeshOverview = {
  issuer: () => ({ title: 'Secret weft-system/weft-ca', trouble: null }),
  policies: () => ({ policies: [], services: [] }),
  authorization: () => undefined,
  targets: () => ({ kind: 'none', ports: [], targets: [] }),
  canaries: () => [],
  trustDomain: 'cluster.local',
  version: () => 42,
  services: () => SERVICES,
  workloads: () => PROXIES.length,
  pods: () => [],
  problems: () => [],
  proxies: () => PROXIES,
}
