import t from 'tap'
import { ExportMetricsServiceRequest, type NumberDataPoint } from '../../../core/xds/generated/otlp.js'
import type { Mesh } from '../../model/mesh.ts'
import { ownersOfAddresses } from './address-owners.ts'
import { MetricStore } from './metric-store.ts'
import { ObservedStore } from './observed-store.ts'
import { observedView } from './observed-view.ts'
import { atOnce } from '../../../core/in-turns.ts'
import { takingPoints } from './receiver.ts'
import type { Reporter } from './reporter.ts'

const HOUR = 3_600_000
/** At the full hour. */
const START = Date.UTC(2026, 0, 1)
const WEB = 'spiffe://cluster.local/ns/shop/sa/web'
const PAY: Reporter = { namespace: 'payments', service: 'pay', pod: 'pay-1', behind: [] }

const nobody = (): string => ''

interface Told {
  readonly path?: string
  readonly source?: string
  readonly address?: string
  readonly port?: number
  readonly protocol?: string
  readonly method?: string
  readonly outcome?: string
  readonly count: number
  readonly first?: number
  readonly last?: number
}

function point(told: Told): NumberDataPoint {
  const { path = '/charge', source = WEB, address, port = 8080, protocol = 'http', method = 'POST' } = told
  const { outcome = 'served', count, first = START, last = first } = told
  const texts = {
    'weft.source_identity': source,
    'client.address': address,
    'network.protocol.name': protocol,
    'http.request.method': method,
    'url.template': path,
    'weft.outcome': outcome,
  }
  return {
    startTimeUnixNano: BigInt(first) * 1_000_000n,
    timeUnixNano: BigInt(last) * 1_000_000n,
    asInt: BigInt(count),
    attributes: [
      ...Object.entries(texts).flatMap(([key, stringValue]) =>
        stringValue === undefined ? [] : [{ key, value: { stringValue } }],
      ),
      { key: 'network.local.port', value: { intValue: BigInt(port) } },
    ],
  }
}

function watching(since: number, others = 0): NumberDataPoint {
  return {
    startTimeUnixNano: BigInt(since) * 1_000_000n,
    timeUnixNano: BigInt(since) * 1_000_000n,
    asInt: BigInt(others),
    attributes: [{ key: 'otel.metric.overflow', value: { boolValue: true } }],
  }
}

/** As it comes over the wire. Gives the number of points that were refused. */
function report(
  store: ObservedStore,
  points: readonly NumberDataPoint[],
  at: number,
  reporter = PAY,
  aggregationTemporality:
    | 'AGGREGATION_TEMPORALITY_CUMULATIVE'
    | 'AGGREGATION_TEMPORALITY_DELTA' = 'AGGREGATION_TEMPORALITY_CUMULATIVE',
): number {
  const sum = { aggregationTemporality, isMonotonic: true, dataPoints: points }
  const bytes = ExportMetricsServiceRequest.encode({
    resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'weft.observed.calls', sum }] }] }],
  })
  return atOnce(takingPoints({ metrics: new MetricStore(), observed: store }, bytes, reporter, at))
}

/** `COUNT PATH` of the calls since then. */
function rows(store: ObservedStore, now: number, hours = 24): string[] {
  const { workloads } = observedView(store, undefined, {
    namespace: undefined,
    sinceMs: now - hours * HOUR,
    now,
  })
  return workloads.flatMap(({ calls }) => calls.map(({ count, path }) => `${count} ${path}`)).sort()
}

t.test('a count that grows, a sidecar that begins anew, replicas', async (t) => {
  const store = new ObservedStore(nobody)
  report(store, [point({ count: 3 })], START)
  report(store, [point({ count: 3 })], START + 5000)
  report(store, [point({ count: 5, last: START + 9000 })], START + 10_000)
  t.same(rows(store, START + 10_000), ['5 /charge'])
  report(store, [point({ count: 2, first: START + 20_000 })], START + 21_000)
  t.same(rows(store, START + 21_000), ['7 /charge'], 'a restart')
  report(store, [point({ count: 9, first: START + 30_000 })], START + 31_000)
  t.same(rows(store, START + 31_000), ['16 /charge'], 'a restart after which it counted more than before')
  report(store, [point({ count: 4 })], START + 31_000, { ...PAY, pod: 'pay-2' })
  const view = observedView(store, undefined, { namespace: 'payments', sinceMs: START, now: START + 31_000 })
  t.match(view.workloads, [
    {
      namespace: 'payments',
      name: 'pay',
      calls: [{ count: 20, pods: { 'pay-1': 16, 'pay-2': 4 }, source: WEB }],
    },
  ])
})

t.test('a control plane that begins anew has all that sidecars counted in the day', async (t) => {
  const store = new ObservedStore(nobody)
  const now = START + 48 * HOUR
  report(store, [point({ count: 480, last: now })], now)
  t.same(rows(store, now), ['240 /charge'], '10 an hour')
  t.same(rows(store, now, 1), ['10 /charge'])
})

t.test('hours: only what is asked for, and no more than a day', async (t) => {
  const store = new ObservedStore(nobody)
  for (let hour = 0; hour < 40; hour++) {
    const at = START + hour * HOUR
    report(store, [point({ count: hour + 1, last: at })], at)
  }
  const now = START + 39 * HOUR
  t.same(rows(store, now, 0.5), ['1 /charge'])
  t.same(rows(store, now, 3), ['3 /charge'])
  t.same(rows(store, now, 24), ['24 /charge'])
  report(store, [point({ count: 1, path: '/other', first: now })], now)
  const later = now + 26 * HOUR
  report(store, [watching(START)], later)
  t.equal(store.size, 0, 'forgotten')
})

t.test('what a template took in counts once', async (t) => {
  const store = new ObservedStore(nobody)
  report(store, [point({ path: '/items/a', count: 3 }), point({ path: '/items/b', count: 4 })], START)
  report(store, [point({ path: '/items/a/x', count: 1 })], START)
  report(store, [point({ path: '/items/a', count: 6, outcome: 'refused' })], START)
  // The sidecar's sum of both, and one more.
  report(store, [point({ path: '/items/{*}', count: 8, last: START + 2000 })], START + 3000)
  t.same(rows(store, START + 3000), ['1 /items/a/x', '6 /items/a', '8 /items/{*}'])
  report(store, [point({ path: '/items/{*}', count: 10, last: START + 5000 })], START + 6000)
  t.same(rows(store, START + 6000), ['1 /items/a/x', '10 /items/{*}', '6 /items/a'])
})

t.test('what is no such point is refused, and what lies is held to the possible', async (t) => {
  const store = new ObservedStore(nobody)
  const wrong: readonly NumberDataPoint[] = [
    {},
    { ...point({ count: 1 }), attributes: [] },
    point({ count: 1, outcome: 'good' }),
    point({ count: 1, protocol: 'smtp' }),
    point({ count: 1, port: 0 }),
    point({ count: 1, port: 70_000 }),
    point({ count: -1 }),
    { ...point({ count: 1 }), asInt: 1n << 60n },
  ]
  for (const one of wrong) t.equal(report(store, [one], START), 1)
  t.equal(report(store, [point({ count: 1 })], START, PAY, 'AGGREGATION_TEMPORALITY_DELTA'), 1)
  t.equal(store.size, 0)
  t.equal(report(store, [point({ count: 1, first: START + 99 * HOUR, last: START + 99 * HOUR })], START), 0)
  t.same(rows(store, START), ['1 /charge'], 'nothing is seen in the future')
  t.equal(report(store, [point({ count: 1 })], START, { ...PAY, pod: '' }), 0)
  t.equal(store.size, 1, 'who is no pod is called by nobody')
})

t.test('bounded: the oldest of the greediest goes, and that is said', async (t) => {
  const store = new ObservedStore(nobody, { perPod: 20_000, perNamespace: 40_000, total: 60_000 })
  report(store, [point({ count: 1 })], START, { ...PAY, namespace: 'small' })
  for (let i = 0; i < 500; i++) report(store, [point({ count: 1, path: `/${i}` })], START)
  t.ok(store.bytes <= 60_000)
  t.equal(store.evicted + store.size, 501)
  const { evicted, workloads } = observedView(store, undefined, {
    namespace: undefined,
    sinceMs: START,
    now: START,
  })
  t.equal(evicted, store.evicted)
  t.ok(
    workloads.find(({ namespace }) => namespace === 'small')?.calls.length === 1,
    'who holds little keeps it',
  )
  t.ok(workloads.find(({ name }) => name === 'pay')?.calls.some(({ path }) => path === '/499'))
})

t.test('how long pods are watched, and what was lost of them', async (t) => {
  const store = new ObservedStore(nobody)
  report(store, [watching(START, 2)], START + 1000)
  report(store, [watching(START, 5)], START + 2000)
  report(store, [watching(START + 60_000, 1)], START + 61_000)
  report(store, [watching(START + 60_000, 3)], START + 62_000)
  const view = observedView(store, undefined, { namespace: undefined, sinceMs: START, now: START + 62_000 })
  t.same(view.workloads[0]?.watched, [
    { pod: 'pay-1', since: START, reported: START + 62_000, restarts: 1, others: 8 },
  ])
})

t.test(
  'workloads of the mesh that nobody called stand there, callers are named, and pods without a sidecar',
  async (t) => {
    const workload = {
      namespace: 'payments',
      service: 'pay',
      name: 'pay-1',
      identity: 'spiffe://cluster.local/ns/payments/sa/pay',
      labels: { app: 'pay' },
      services: ['pay.payments'],
      ports: [{ port: 8080, protocol: 'http', services: ['payments/pay'] }],
    }
    const idle = { ...workload, service: 'ledger', name: 'ledger-1' }
    const endpoint = (name: string, address: string, meshed: boolean) => ({ workload: name, address, meshed })
    // What of a mesh is looked at here.
    const mesh = {
      workloads: new Map([
        ['payments/pay-1', workload],
        ['payments/ledger-1', idle],
        ['shop/web-1', { ...workload, namespace: 'shop' }],
      ]),
      workloadsByAddress: new Map([['10.0.0.8', { ...workload, namespace: 'shop', name: 'web-1' }]]),
      endpoints: new Map([
        [
          'k',
          {
            endpoints: [
              endpoint('old-1.payments', '10.0.0.7', false),
              endpoint('pay-1.payments', '10.0.0.1', true),
            ],
          },
        ],
        ['l', { endpoints: [endpoint('x.legacy', '10.0.0.6', false)] }],
      ]),
    } as unknown as Mesh
    const store = new ObservedStore(ownersOfAddresses(() => mesh))
    report(
      store,
      ['10.0.0.7', '10.0.0.8', '10.0.0.9'].map((address) => point({ source: '', address, count: 1 })),
      START,
    )
    const view = observedView(store, mesh, { namespace: 'payments', sinceMs: START, now: START })
    t.match(view, {
      withoutSidecar: ['old-1.payments'],
      workloads: [
        { name: 'ledger', calls: [], pods: [{ name: 'ledger-1' }] },
        {
          name: 'pay',
          pods: [{ name: 'pay-1', labels: { app: 'pay' }, services: ['pay.payments'] }],
          ports: [{ port: 8080, protocol: 'http' }],
          calls: [
            { address: '10.0.0.7', caller: 'old-1.payments' },
            { address: '10.0.0.8', caller: 'web-1.shop' },
            { address: '10.0.0.9', caller: '' },
          ],
        },
      ],
    })
    t.equal(view.workloads.length, 2)
  },
)

t.test('calls of a pod are never those of another one that has its address by now', async (t) => {
  let mesh = meshWith({ '10.0.0.7': 'first.shop', '10.0.0.8': 'stays.shop' })
  const store = new ObservedStore(ownersOfAddresses(() => mesh))
  const call = (address: string, count: number, last: number, path = '/charge') =>
    point({ source: '', address, count, last, path })
  const callers = () =>
    observedView(store, mesh, { namespace: 'payments', sinceMs: START, now: START })
      .workloads.flatMap(({ calls }) => calls)
      .map(({ address, path, caller, count }) => `${address} ${path} ${caller} ${count}`)
  const both = (count: number, last: number) => [call('10.0.0.7', count, last), call('10.0.0.8', count, last)]
  report(store, both(2, START), START)
  mesh = meshWith({ '10.0.0.8': 'stays.shop' })
  t.same(
    callers(),
    ['10.0.0.7 /charge first.shop 2', '10.0.0.8 /charge stays.shop 2'],
    'also once it is gone',
  )
  mesh = meshWith({ '10.0.0.7': 'second.shop', '10.0.0.8': 'stays.shop' })
  report(store, both(2, START), START + 1000)
  t.same(callers(), ['10.0.0.7 /charge first.shop 2', '10.0.0.8 /charge stays.shop 2'], 'told again')
  report(store, both(3, START + 2000), START + 2000)
  t.same(callers(), ['10.0.0.7 /charge  3', '10.0.0.8 /charge stays.shop 3'], 'nobody can tell whose all are')
  report(store, [call('10.0.0.7', 1, START + 2000, '/items/a')], START + 2000)
  t.ok(callers().includes('10.0.0.7 /items/a second.shop 1'), 'what the second alone did')
  report(store, [call('10.0.0.7', 4, START + 2000, '/{*}')], START + 2000)
  t.ok(callers().includes('10.0.0.7 /{*}  4'), 'and of templates that take both in')
})

t.test('pods that saw different callers at one address say neither', async (t) => {
  let mesh = meshWith({ '10.0.0.7': 'first.shop' })
  const store = new ObservedStore(ownersOfAddresses(() => mesh))
  report(store, [point({ source: '', address: '10.0.0.7', count: 1 })], START)
  mesh = meshWith({ '10.0.0.7': 'second.shop' })
  report(store, [point({ source: '', address: '10.0.0.7', count: 1 })], START, { ...PAY, pod: 'pay-2' })
  const [workload] = observedView(store, mesh, {
    namespace: 'payments',
    sinceMs: START,
    now: START,
  }).workloads
  t.match(workload?.calls, [{ caller: '', count: 2 }])
})

/** Pods without a sidecar, by address. */
function meshWith(pods: Readonly<Record<string, string>>): Mesh {
  const endpoints = Object.entries(pods).map(([address, workload]) => ({ address, workload, meshed: false }))
  return {
    workloads: new Map(),
    workloadsByAddress: new Map(),
    endpoints: new Map([['k', { endpoints }]]),
  } as unknown as Mesh
}
