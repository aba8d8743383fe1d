import { fastify } from 'fastify'
import t, { type Test } from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import type { TappedRequest } from '../../../core/api/tap.ts'
import type { Replica } from '../../canary/evidence/gathered-counts.ts'
import { openAccess } from '../access/open-access.ts'
import type { Access } from '../access/access.ts'
import { REPLICA_TAP_PATH } from '../tap/replica-tap.ts'
import { FakeSidecars, meshOf, noTaps, toldRequest } from '../tap/testing/sidecars.ts'
import { DecisionStore } from '../telemetry/decision-store.ts'
import { MetricStore } from '../telemetry/metric-store.ts'
import type { StoredSpan } from '../telemetry/stored-span.ts'
import { alsoTapped, Tap } from '../telemetry/tap.ts'
import { TraceStore } from '../telemetry/trace-store.ts'
import type { MeshOverview } from './overview.ts'
import { rest } from './rest.ts'
import { listen } from './testing/listen.ts'

const REPLICA = { 'sec-weft-client': 'weft' }

async function serve(
  t: Test,
  pods: readonly string[] = [],
  { replicas = [], access = openAccess({ acts: true }) }: { replicas?: Replica[]; access?: Access } = {},
) {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const traces = new TraceStore()
  const tap = new Tap()
  const sidecars = new FakeSidecars()
  const settings = new Map<string, string>([['secret', 'off']])
  const mesh = { trustDomain: 'cluster.local' } as unknown as MeshOverview
  const app = fastify({ forceCloseConnections: true })
  await app.register(rest, {
    ...{ mesh, traces, metrics: new MetricStore(), decisions: new DecisionStore(), release: '0', clock },
    tap: noTaps({
      ...{ traces: tap, questions: sidecars, mesh: () => meshOf(...pods) },
      setting: (name) => settings.get(name),
    }),
    replicas: () => replicas,
    access: () => access,
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const answer = async (query: string): Promise<[number, unknown]> => {
    const told = await fetch(`${address}/api/tap?${query}`)
    if (told.status === 200) {
      await told.body?.cancel()
      return [200, '']
    }
    const { error } = (await told.json()) as { error: { code: string } }
    return [told.status, error.code]
  }
  return { clock, address, taker: alsoTapped(traces, tap), sidecars, settings, answer }
}

t.test(
  'sidecars of the namespace tell of every request, and who they are is not theirs to say',
  async (t) => {
    const { address, sidecars, clock } = await serve(t, ['shop/web-1', 'shop/catalog-1', 'pay/pay-1'])
    for (const pod of ['shop/web-1', 'shop/catalog-1', 'pay/pay-1']) sidecars.connect(pod)
    const query = 'namespace=shop&status=5xx&min=2&direction=outbound&rate=2'
    const tapped = await listen(`${address}/api/tap?${query}`)
    t.same(await tapped.next('source'), {
      ...{ sampled: false, live: 2, others: [], otherCount: 0 },
      coverage: { answered: 1, missing: [] },
    })
    t.same([...sidecars.open.keys()].toSorted(), ['shop/catalog-1', 'shop/web-1'])
    t.match(sidecars.open.get('shop/web-1')?.[0]?.asked, {
      kind: 'tap',
      question: { filter: { status: '5xx', min: 2, direction: 'outbound' }, rate: 2, headers: false },
    })
    const forged = {
      ...{ namespace: 'pay', pod: 'pay-1', source: 'spiffe://cluster.local/ns/pay/sa/pay' },
      ...{ headers: { 'x-user': 'ada' }, query: 'a=1', unknown: 1 },
    }
    sidecars.tell('shop/web-1', [toldRequest({ ...forged, durationMs: 3 } as Partial<TappedRequest>)])
    t.same(await tapped.next('request'), toldRequest({ durationMs: 3 }), 'and nothing that was not asked for')
    sidecars.tell('shop/catalog-1', [toldRequest(), toldRequest(), toldRequest()], 7)
    await tapped.next('request')
    clock.advance(1000)
    t.same(await tapped.next('skipped'), { requests: 9 }, 'seven there, two here')
    tapped.stop()
    while (sidecars.open.size > 0) await new Promise(setImmediate)
  },
)

t.test('a sidecar that comes is asked, one that goes or cannot be asked is named', async (t) => {
  const pods = ['shop/web-1', 'shop/old-1', 'shop/away-1', 'shop/late-1']
  const { address, sidecars, clock, taker } = await serve(t, pods)
  sidecars.connect('shop/web-1')
  sidecars.connect('shop/old-1', 'says: this sidecar knows no question "tap"')
  const tapped = await listen(`${address}/api/tap?namespace=shop`)
  const away = {
    pod: 'shop/away-1',
    reason: 'is connected to no control plane that was asked, or is of a release that is not',
  }
  const old = { pod: 'shop/old-1', reason: 'says: this sidecar knows no question "tap"' }
  t.match(await tapped.next('source'), {
    ...{ sampled: true, live: 1, otherCount: 3, others: [away, { pod: 'shop/late-1' }, old] },
  })
  sidecars.connect('shop/late-1')
  clock.advance(1000)
  t.match(await tapped.next('source'), { live: 2, others: [away, old] })
  // Of its traces are shown those of whoever tells of nothing else.
  taker.add(span({ pod: 'web-1', durationMs: 1 }))
  taker.add(span({ pod: 'old-1', durationMs: 2 }))
  t.match(await tapped.next('request'), { pod: 'old-1', durationMs: 2 })
  sidecars.leave('shop/web-1')
  taker.add(span({ pod: 'web-1', durationMs: 3 }))
  t.match(await tapped.next('request'), { pod: 'web-1', durationMs: 3 })
  sidecars.connect('shop/web-1')
  sidecars.tell('shop/web-1', [toldRequest({ durationMs: 4 })])
  t.match(await tapped.next('request'), { durationMs: 4 }, 'it is back')
  t.throws(() => sidecars.tell('shop/late-1', [{ ...toldRequest(), path: 7 }]), { code: 'tap.batch' })
  tapped.stop()
})

t.test('by workload, by pod', async (t) => {
  const pods = ['shop/web-1', 'shop/web-2', 'shop/catalog-1']
  const { address, sidecars } = await serve(t, pods)
  for (const pod of pods) sidecars.connect(pod)
  for (const [workload, asked] of [
    ['web', ['shop/web-1', 'shop/web-2']],
    ['web-2', ['shop/web-2']],
    ['none', []],
  ] as const) {
    const tapped = await listen(`${address}/api/tap?namespace=shop&workload=${workload}`)
    t.match(await tapped.next('source'), { live: asked.length, otherCount: 0 }, workload)
    t.same([...sidecars.open.keys()], asked, workload)
    tapped.stop()
    while (sidecars.open.size > 0) await new Promise(setImmediate)
  }
})

t.test('requests that were told by traces are filtered and few', async (t) => {
  const { address, taker, clock } = await serve(t)
  const tapped = await listen(`${address}/api/tap?namespace=shop&status=5xx&rate=2`)
  await tapped.next('source')
  const failed = { 'http.response.status_code': 503 }
  taker.add(span({}))
  taker.add(span({ namespace: 'pay' }, failed))
  taker.add(span({ kind: 'client' }, { ...failed, 'weft.try': 'retry' }))
  for (let n = 1; n <= 5; n++) taker.add(span({ durationMs: n }, failed))
  t.match(await tapped.next('request'), { durationMs: 1, status: 503, path: '/items', direction: 'inbound' })
  t.match(await tapped.next('request'), { durationMs: 2, grpcStatus: null })
  clock.advance(1000)
  t.same(await tapped.next('skipped'), { requests: 3 })
  taker.add(span({ durationMs: 6 }, { ...failed, 'rpc.response.status_code': 'UNAVAILABLE' }))
  t.match(await tapped.next('request'), { durationMs: 6, grpcStatus: 14 })
  tapped.stop()
})

t.test('a namespace that says so is not heard, at either end of a request', async (t) => {
  const { address, sidecars, settings, answer } = await serve(t, ['shop/web-1'])
  sidecars.connect('shop/web-1')
  t.same(await answer('namespace=secret'), [403, 'api.tap_off'])
  t.equal((await fetch(`${address}${REPLICA_TAP_PATH}?namespace=secret`, { headers: REPLICA })).status, 403)
  const tapped = await listen(`${address}/api/tap?namespace=shop`)
  await tapped.next('source')
  const tell = (over: Partial<TappedRequest>): void => sidecars.tell('shop/web-1', [toldRequest(over)])
  tell({ destination: 'spiffe://cluster.local/ns/secret/sa/vault', durationMs: 1 })
  tell({ destination: 'secret/vault/80', durationMs: 2 })
  tell({ asked: 'vault.secret', durationMs: 3 })
  tell({ direction: 'inbound', source: 'spiffe://cluster.local/ns/secret/sa/vault', durationMs: 4 })
  settings.set('shop', 'off')
  tell({ durationMs: 5 })
  settings.delete('shop')
  tell({ durationMs: 6 })
  t.match(await tapped.next('request'), { durationMs: 6 })
  tapped.stop()
})

t.test('header fields and the query are for whoever is known', async (t) => {
  const one = await serve(t, ['shop/web-1'])
  one.sidecars.connect('shop/web-1')
  const tapped = await listen(`${one.address}/api/tap?namespace=shop&headers=true`)
  await tapped.next('source')
  t.match(one.sidecars.open.get('shop/web-1')?.[0]?.asked, { question: { headers: true } })
  one.sidecars.tell('shop/web-1', [toldRequest({ headers: { 'x-user': 'ada' }, query: 'a=1' })])
  t.match(await tapped.next('request'), { headers: { 'x-user': 'ada' }, query: 'a=1' })
  tapped.stop()
  const replica = `${REPLICA_TAP_PATH}?namespace=shop&headers=true`
  t.equal(
    (await fetch(one.address + replica, { headers: REPLICA })).status,
    403,
    'nobody knows that it is one',
  )
  const cluster = await serve(t, [], { access: openAccess({ acts: false }) })
  t.same(await cluster.answer('namespace=shop&headers=true'), [403, 'api.tap_headers'])
  t.same(await cluster.answer('namespace=shop&headers=false'), [200, ''])
  t.equal((await fetch(cluster.address + replica, { headers: REPLICA })).status, 403)
  t.equal(
    (await fetch(`${cluster.address}${REPLICA_TAP_PATH}?namespace=shop`)).status,
    403,
    'a page of a site',
  )
})

t.test('the replica that is asked asks the others, and names those that do not answer', async (t) => {
  const pods = ['shop/web-1', 'shop/catalog-1']
  const other = await serve(t, pods)
  other.sidecars.connect('shop/catalog-1')
  const replicas = [
    { pod: 'weft/b', address: other.address },
    { pod: 'weft/c', address: 'http://127.0.0.1:1' },
  ]
  const asked = await serve(t, pods, { replicas })
  asked.sidecars.connect('shop/web-1')
  const tapped = await listen(`${asked.address}/api/tap?namespace=shop&path=/items`)
  t.match(await tapped.next('source'), {
    ...{ sampled: false, live: 2, otherCount: 0 },
    coverage: { answered: 2, missing: [{ replica: 'weft/c', reason: /ECONNREFUSED|bad port/ }] },
  })
  t.match(other.sidecars.open.get('shop/catalog-1')?.[0]?.asked.question, { filter: { path: '/items' } })
  other.sidecars.tell('shop/catalog-1', [toldRequest({ direction: 'inbound', durationMs: 5 })], 4)
  t.match(await tapped.next('request'), { pod: 'catalog-1', durationMs: 5 })
  // One that is heard there has its traces here.
  asked.taker.add(span({ pod: 'catalog-1', durationMs: 6 }))
  other.taker.add(span({ pod: 'web-1', durationMs: 7 }))
  other.sidecars.tell('shop/catalog-1', [toldRequest({ direction: 'inbound', durationMs: 8 })])
  t.match(await tapped.next('request'), { durationMs: 8 })
  asked.clock.advance(1000)
  t.same(await tapped.next('skipped'), { requests: 4 })
  tapped.stop()
  while (other.sidecars.open.size > 0) await new Promise(setImmediate)
  t.equal(asked.sidecars.open.size, 0)
})

t.test('what cannot be asked', async (t) => {
  const { answer } = await serve(t)
  for (const query of [
    '',
    'namespace=shop&rate=1001',
    'namespace=shop&rate=0',
    'namespace=shop&status=600',
    'namespace=shop&direction=both',
    'namespace=shop&min=-1',
    'namespace=shop&headers=yes',
    'namespace=shop&filter=x',
    `namespace=shop&path=${'x'.repeat(1025)}`,
    `namespace=shop&service=${'x'.repeat(321)}`,
    'namespace=shop&workload=A_B',
  ])
    t.same(await answer(query), [400, 'api.bad_parameter'], query.slice(0, 40))
})

function span(over: Partial<StoredSpan>, attributes: StoredSpan['attributes'] = {}): StoredSpan {
  return {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    parentSpanId: '',
    name: 'GET',
    kind: 'server',
    service: 'web',
    namespace: 'shop',
    pod: 'web-1',
    startMs: 1,
    durationMs: 2,
    status: 'unset',
    statusMessage: '',
    attributes: {
      'http.request.method': 'GET',
      'url.path': '/items',
      'http.response.status_code': 200,
      ...attributes,
    },
    ...over,
  }
}
