import t from 'tap'
import { EJECTED_METRIC, MOST_EJECTED } from '../../../core/ejections.ts'
import { otlpRequests } from '../../../core/metrics/otlp.ts'
import type { MetricFamily } from '../../../core/metrics/family.ts'
import { ExportMetricsServiceRequest } from '../../../core/xds/generated/otlp.js'
import { MetricStore } from './metric-store.ts'
import { atOnce } from '../../../core/in-turns.ts'
import { takingPoints } from './receiver.ts'
import type { Reporter } from './reporter.ts'
import { SidecarStore } from './sidecar-store.ts'

const START = 1_800_000_000_000
const CLUSTER = 'shop/catalog/8080'

function gauge(
  name: string,
  ...points: [value: number, labels?: Readonly<Record<string, string>>][]
): MetricFamily {
  return {
    name,
    unit: 's',
    type: 'gauge',
    help: '',
    points: points.map(([value, labels = {}]) => ({
      value,
      attributes: Object.entries(labels),
      since: START,
    })),
  }
}

function ejected(left: number, change: Readonly<Record<string, string>> = {}): MetricFamily {
  return gauge(EJECTED_METRIC, [
    left,
    {
      'weft.backend': CLUSTER,
      'weft.endpoint': '10.0.0.7:8080',
      'weft.reason': 'consecutive-errors',
      ...change,
    },
  ])
}

function setUp() {
  const store = new SidecarStore((cluster, endpoint) =>
    cluster === CLUSTER && endpoint.startsWith('10.0.0.') ? 'catalog-1.shop' : undefined,
  )
  const tell = (pod: string, at: number, ...families: MetricFamily[]): number => {
    const reporter: Reporter = { service: 'web', namespace: 'shop', pod, behind: [] }
    let refused = 0
    for (const request of otlpRequests(families, { resource: {}, scope: 'weft.proxy', now: at })) {
      const bytes = ExportMetricsServiceRequest.encode(request)
      refused += atOnce(takingPoints({ metrics: new MetricStore(), sidecars: store }, bytes, reporter, at))
    }
    return refused
  }
  return { store, tell }
}

t.test('an ejection is known until it is told no more', async (t) => {
  const { store, tell } = setUp()
  tell('web-1', START, ejected(30))
  const told = {
    cluster: CLUSTER,
    endpoint: '10.0.0.7:8080',
    workload: 'catalog-1.shop',
    pod: 'shop/web-1',
    caller: 'web.shop',
    reason: 'consecutive-errors',
    until: START + 30_000,
    since: START,
  }
  t.strictSame(store.ejections(START), [told])
  tell('web-1', START + 1000, ejected(29))
  t.strictSame(store.ejections(START + 5900), [told])
  t.strictSame(store.ejections(START + 7000), [])
  tell('web-1', START + 8000, ejected(0))
  t.match(store.ejections(START + 8000), [{ until: START + 8000, since: START + 8000 }])
})

t.test('nobody tells of endpoints that the mesh does not have, nor of more than so many', async (t) => {
  const { store, tell } = setUp()
  tell('web-1', START, ejected(30, { 'weft.backend': 'shop/other/80' }))
  tell('web-1', START, ejected(30, { 'weft.endpoint': '1.2.3.4:8080' }))
  t.equal(tell('web-1', START, ejected(30, { 'weft.reason': '<img src=x>' })), 1, 'a reason is a word')
  t.equal(tell('web-1', START, ejected(-3)), 1)
  t.strictSame(store.ejections(START), [])
  for (let i = 0; i < 2 * MOST_EJECTED; i++)
    tell('web-1', START, ejected(30, { 'weft.endpoint': `10.0.0.${i}:8080` }))
  t.equal(store.ejections(START).length, MOST_EJECTED)
  tell('web-2', START, ejected(30))
  t.equal(store.ejections(START).length, MOST_EJECTED + 1, 'others have room')
  t.strictSame(store.ejections(START + 10_000), [])
  tell('web-1', START + 10_000, ejected(30))
  t.equal(store.ejections(START + 10_000).length, 1, 'what is over takes no room')
})

t.test('certificates and the age of the configuration are those of the last report', async (t) => {
  const { store, tell } = setUp()
  const expiry = (own: number, root: number): MetricFamily =>
    gauge(
      'weft.certificate.expiry',
      [own, { 'weft.certificate': 'workload' }],
      [root, { 'weft.certificate': 'root' }],
    )
  tell('web-1', START, expiry(3600, 86_400), gauge('weft.config.age', [12.5]))
  tell('web-2', START, expiry(-60, 86_400))
  tell('', START, expiry(5, 5))
  t.strictSame(store.reports(START), [
    {
      namespace: 'shop',
      pod: 'web-1',
      certificateEndsAt: START + 3_600_000,
      rootEndsAt: START + 86_400_000,
      configChangedAt: START - 12_500,
      reportedAt: START,
    },
    {
      namespace: 'shop',
      pod: 'web-2',
      certificateEndsAt: START - 60_000,
      rootEndsAt: START + 86_400_000,
      configChangedAt: null,
      reportedAt: START,
    },
  ])
  tell('web-1', START + 40_000, expiry(1e300, 86_400))
  t.match(store.reports(START + 60_000), [{ pod: 'web-1', certificateEndsAt: START + 3_600_000 }])
})
