import t from 'tap'
import type { Ejection } from '../../../core/api/sidecars.ts'
import { DENIED, FAILED, MUTUAL_TLS, noCounts, PLAINTEXT, type Counts } from '../telemetry/counts.ts'
import { OUTSIDE, pairKey } from '../telemetry/metric-store.ts'
import { ALONE } from '../answers/telemetry-source.ts'
import { graphOf } from './graph.ts'
import { emptyCounts } from './traffic-counts.ts'
import { NO_TOPOLOGY, type Led, type ServicePlace, type Topology } from './topology.ts'

const RANGE = { from: 0, to: 10_000 }
const RULE = 'HTTPRoute/shop/catalog/0'
const WEB_IDENTITY = 'spiffe://td/ns/shop/sa/web'

function counts(requests: number, more: { failed?: number; denied?: number; plain?: number } = {}): Counts {
  const row = noCounts()
  row[3] = requests
  row[FAILED] = more.failed ?? 0
  row[DENIED] = more.denied ?? 0
  row[PLAINTEXT] = more.plain ?? 0
  row[MUTUAL_TLS] = requests - (more.plain ?? 0)
  return row
}

function service(name: string, ready = 1, led: readonly Led[] = [], total = ready): ServicePlace {
  return {
    id: `${name}.shop`,
    name,
    namespace: 'shop',
    own: { ready, total, meshed: ready },
    led,
    clusters: [`shop/${name}/80`],
    policy: 'open',
  }
}

function topology(services: readonly ServicePlace[], more: Partial<Topology> = {}): Topology {
  const versionOf = new Map<string, string[]>()
  for (const { id, led } of services)
    for (const { id: version } of led) if (version !== '' && version !== id) versionOf.set(version, [id])
  return {
    ...NO_TOPOLOGY,
    services: new Map(services.map((one) => [one.id, one])),
    meshedNamespaces: new Set(['shop']),
    trustDomains: ['td'],
    versionOf,
    ...more,
  }
}

/** One that web calls. */
function called(target: string, seen: Counts) {
  const traffic = emptyCounts()
  traffic.edges.set(pairKey('web.shop', target), seen)
  traffic.destinations.set(target, seen)
  return traffic
}

function graph(
  of: Topology,
  traffic = emptyCounts(),
  namespace?: string,
  ejections: readonly Ejection[] = [],
) {
  const { nodes, edges } = graphOf(of, traffic, { range: RANGE, namespace, ejections }, ALONE)
  const node = (id: string) => nodes.find((one) => one.id === id)
  return { nodes, edges, node }
}

t.test('an outage is what callers saw: no endpoint is left, and nobody there tells of it', async (t) => {
  const mesh = topology([service('catalog', 0)])
  const { node, edges } = graph(mesh, called('catalog.shop', counts(100, { failed: 100 })))
  t.match(node('catalog.shop'), {
    health: 'failing',
    traffic: { rate: 10, failedRate: 10, successRate: 0 },
    endpoints: { ready: 0, total: 0 },
    reasons: ['100 % of its requests fail.', 'It has no endpoint: no pod is behind it.'],
  })
  t.match(edges, [{ source: 'web.shop', target: 'catalog.shop', health: 'failing' }])
  t.match(node('web.shop'), { kind: 'outside', health: 'idle' })
})

t.test('endpoints that are missing count before anybody calls', async (t) => {
  const { node } = graph(topology([service('catalog', 0), service('web', 2, [], 3), service('db')]))
  t.match(node('catalog.shop'), { health: 'degraded', reasons: [/no endpoint/] })
  t.match(node('web.shop'), { health: 'degraded', reasons: ['1 of its 3 endpoints are not ready.'] })
  t.match(node('db.shop'), { health: 'idle', reasons: [] })
})

t.test('callers win over what its own sidecars saw; those are taken where no caller tells', async (t) => {
  const mesh = topology([service('catalog'), service('db')])
  const traffic = called('catalog.shop', counts(100, { failed: 5 }))
  traffic.servers.set('catalog.shop', counts(95))
  traffic.servers.set('db.shop', counts(40, { failed: 40 }))
  const { node } = graph(mesh, traffic)
  t.match(node('catalog.shop'), { health: 'degraded', traffic: { rate: 10, failedRate: 0.5 } })
  t.match(node('db.shop'), { health: 'failing', traffic: { rate: 4, successRate: 0 } })
})

t.test('one failure is no outage, and a few of many are', async (t) => {
  const mesh = topology([service('catalog')])
  const health = (requests: number, failed: number) =>
    graph(mesh, called('catalog.shop', counts(requests, { failed }))).node('catalog.shop')?.health
  t.equal(health(3, 1), 'degraded')
  t.equal(health(4, 2), 'failing')
  t.equal(health(1000, 5), 'ok')
  t.equal(health(1000, 10), 'degraded')
  t.equal(health(1000, 100), 'failing')
})

t.test('what is split has its callers, and its versions are not counted again', async (t) => {
  const led = [
    { id: 'catalog-v1.shop', percent: 90 },
    { id: 'catalog-v2.shop', percent: 10 },
  ]
  const mesh = topology([service('catalog', 0, led), service('catalog-v1', 2), service('catalog-v2', 0)], {
    rules: new Map([[RULE, ['catalog.shop']]]),
  })
  const traffic = called('catalog.shop', counts(100, { failed: 10 }))
  traffic.backends.set(pairKey(RULE, 'shop/catalog-v1/80'), counts(90))
  traffic.backends.set(pairKey(RULE, 'shop/catalog-v2/80'), counts(10, { failed: 10 }))
  traffic.servers.set('catalog-v1.shop', counts(90))
  const { nodes, node, edges } = graph(mesh, traffic)
  t.match(node('catalog.shop'), {
    traffic: { rate: 10 },
    endpoints: { ready: 2, total: 2 },
    versions: [
      { id: 'catalog-v1.shop', percent: 90, health: 'ok', traffic: { rate: 9 }, ready: 2 },
      { id: 'catalog-v2.shop', percent: 10, health: 'failing', traffic: { rate: 1, failedRate: 1 } },
    ],
    health: 'failing',
    reasons: ['10 % of its requests fail.', /^A route leads 10 % of its requests to catalog-v2\.shop, which/],
  })
  t.match(node('catalog-v2.shop'), { traffic: { rate: 0 }, health: 'failing', versionOf: ['catalog.shop'] })
  t.match(node('catalog-v1.shop'), { traffic: { rate: 0 }, health: 'ok' })
  t.equal(
    nodes.reduce((sum, one) => sum + one.traffic.rate, 0),
    10,
  )
  t.equal(edges.length, 1)
  const nowhere = topology([service('catalog', 0, [{ id: '', percent: 100 }])])
  t.match(graph(nowhere).node('catalog.shop'), { health: 'degraded', reasons: [/no endpoint/] })
})

t.test('what comes from outside is counted once, for the Service that is no version', async (t) => {
  const mesh = topology(
    [service('catalog', 1, [{ id: 'catalog-v1.shop', percent: 100 }]), service('catalog-v1')],
    {
      workloads: new Map([
        [
          'catalog-v1.shop',
          { id: 'catalog-v1.shop', pods: 1, services: ['catalog-v1.shop', 'catalog.shop'] },
        ],
      ]),
    },
  )
  const traffic = emptyCounts()
  for (const name of ['catalog.shop', 'catalog-v1.shop']) {
    traffic.servers.set(name, counts(20, { plain: 20 }))
    traffic.edges.set(pairKey(OUTSIDE, name), counts(20, { plain: 20 }))
  }
  traffic.arrivals.set(pairKey(OUTSIDE, 'catalog-v1.shop'), counts(20, { plain: 20 }))
  const { edges, node } = graph(mesh, traffic)
  t.match(edges, [{ source: '', target: 'catalog.shop', traffic: { rate: 2, transport: { plaintext: 1 } } }])
  t.equal(edges.length, 1)
  t.match(node('catalog.shop'), { traffic: { rate: 2 } })
  t.match(node(''), { kind: 'outside', name: '', namespace: '' })
})

t.test('what a policy refuses stands at the edge of whom it refuses', async (t) => {
  const mesh = topology([service('catalog')], {
    sources: new Map([[WEB_IDENTITY, ['web.shop', 'worker.shop']]]),
    workloads: new Map([['catalog.shop', { id: 'catalog.shop', pods: 1, services: ['catalog.shop'] }]]),
  })
  const traffic = called('catalog.shop', counts(30))
  traffic.edges.set(pairKey('worker.shop', 'catalog.shop'), counts(10))
  traffic.arrivals.set(pairKey(WEB_IDENTITY, 'catalog.shop'), counts(20, { denied: 20 }))
  traffic.arrivals.set(pairKey('spiffe://td/ns/jobs/sa/batch', 'catalog.shop'), counts(5, { denied: 5 }))
  const { edges } = graph(mesh, traffic)
  t.match(
    edges.map(({ source, deniedRate, health }) => ({ source, deniedRate, health })),
    [
      { source: 'batch.jobs', deniedRate: 0.5, health: 'degraded' },
      { source: 'web.shop', deniedRate: 1.5, health: 'degraded' },
      { source: 'worker.shop', deniedRate: 0.5, health: 'degraded' },
    ],
  )
})

t.test('a namespace is shown with whom it calls and who calls it', async (t) => {
  const mesh = topology([service('catalog'), { ...service('pay'), id: 'pay.money', namespace: 'money' }], {
    meshedNamespaces: new Set(['shop', 'money']),
  })
  const { nodes, edges } = graph(mesh, called('pay.money', counts(10)), 'shop')
  t.strictSame(
    nodes.map(({ id }) => id),
    ['catalog.shop', 'pay.money', 'web.shop'],
  )
  t.equal(edges.length, 1)
  t.equal(graph(mesh, called('pay.money', counts(10)), 'elsewhere').nodes.length, 0)
})

t.test(
  'an endpoint that callers leave out is told, once, at its Service and where that is a version',
  async (t) => {
    const led = [
      { id: 'v1.shop', percent: 90 },
      { id: 'v2.shop', percent: 10 },
      { id: 'old.shop', percent: 0 },
    ]
    const mesh = topology([
      service('catalog', 0, led),
      service('v1', 2),
      service('v2', 1),
      service('old', 1),
      service('db', 3),
    ])
    const ejection = (name: string, pod: string, change: Partial<Ejection> = {}): Ejection => ({
      cluster: `shop/${name}/80`,
      endpoint: '10.0.0.7:80',
      workload: `${name}-1.shop`,
      pod: `shop/${pod}`,
      caller: `${pod}.shop`,
      reason: 'consecutive-errors',
      until: 0,
      since: 0,
      ...change,
    })
    const { node } = graph(mesh, emptyCounts(), undefined, [
      ejection('v1', 'web'),
      ejection('v1', 'cart'),
      ejection('v1', 'web', { cluster: 'shop/v1/81', endpoint: '10.0.0.7:81' }),
      ejection('old', 'web'),
    ])
    const reason =
      'Callers leave out 1 of its REACHED ready endpoints: v1-1 (consecutive errors, by cart.shop and 1 more).'
    t.match(node('catalog.shop'), {
      health: 'degraded',
      endpoints: { ready: 3, ejected: 1 },
      reasons: [reason.replace('REACHED', '3')],
      versions: [{ health: 'degraded' }, { health: 'idle' }, { health: 'degraded' }],
    })
    t.match(node('v1.shop'), { endpoints: { ejected: 1 }, reasons: [reason.replace('REACHED', '2')] })
    t.match(node('db.shop'), { health: 'idle', endpoints: { ejected: 0 }, reasons: [] })
  },
)
