import { fastify } from 'fastify'
import t from 'tap'
import type { Checks } from '../../../core/api/checks.ts'
import { findingView } from '../../../core/checks/finding-view.ts'
import { ManualClock } from '../../../core/clock.ts'
import { silentLogger } from '../../../core/log.ts'
import { createMesh } from '../../mesh.ts'
import { covers } from '../../problems/configuration/match-cover.ts'
import type { Match } from '../../model/route.ts'
import { MemorySource } from '../../registry/memory-source.ts'
import { ALONE } from '../answers/telemetry-source.ts'
import { checksPage } from '../rest/checks.ts'
import { overviewOf } from '../rest/overview.ts'
import { DecisionStore } from '../telemetry/decision-store.ts'
import { MetricStore, pairKey } from '../telemetry/metric-store.ts'
import { ObservedStore } from '../telemetry/observed-store.ts'
import { openChecks } from './open-checks.ts'
import { RuleUse } from './rule-use.ts'

const HOUR = 3_600_000
const KIND = { outcome: 'answered', transport: 'mutualTls' } as const

function requests(count: number): Float64Array {
  const counts = new Float64Array(200)
  counts[10] = count
  return counts
}

function counted(metrics: MetricStore, rule: string, now: number): void {
  const traffic = metrics.backends.at(pairKey(rule, 'shop/web/80'), 'shop', now)
  traffic.add(requests(1).slice(0, traffic.totals.durations.length), KIND, now, now)
}

t.test('when a rule was used last, also once its counters are gone', (t) => {
  const metrics = new MetricStore()
  const use = new RuleUse(metrics, 0)
  counted(metrics, 'a', 1000)
  use.look(1000)
  t.equal(use.lastUse('a'), 1000)
  use.look(5000)
  t.equal(use.lastUse('a'), 1000, 'it is there, and no more came')
  counted(metrics, 'a', 6000)
  use.look(7000)
  t.equal(use.lastUse('a'), 7000)
  metrics.backends.expire(HOUR, 1)
  use.look(HOUR)
  t.equal(use.lastUse('a'), 7000)
  counted(metrics, 'a', 2 * HOUR)
  use.look(2 * HOUR)
  t.equal(use.lastUse('a'), 2 * HOUR, 'counted anew')
  t.equal(use.lastUse('b'), undefined)
  t.end()
})

const MANIFESTS = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.96.0.1, ports: [{ name: http, port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop, annotations: { weft.dev/lint-ignore: 'WEFT0124: it is edited by a script' } }
spec:
  parentRefs: [{ group: '', kind: Service, name: web }]
  rules: [{ backendRefs: [{ name: web, port: 80, weight: 7 }] }]
`

t.test(
  'the page of checks: by namespace, without what objects leave out, and once a day with unused rules',
  async (t) => {
    const source = MemorySource.of(MANIFESTS)
    const brain = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger })
    const metrics = new MetricStore()
    const clock = new ManualClock(HOUR)
    const checks = openChecks({
      release: '0.1.0',
      brain: () => brain,
      snapshot: () => source.snapshot.value,
      overview: overviewOf(
        () => brain,
        'cluster.local',
        () => [],
        () => [],
      ),
      bundle: () => undefined,
      metrics,
      observed: new ObservedStore(() => ''),
      decisions: new DecisionStore(),
      clock,
    })
    t.teardown(() => {
      checks.close()
      brain.close()
    })
    const app = fastify()
    checksPage(app, {
      checks: async () => ({ checks: (await checks.find()).map(findingView), coverage: ALONE }),
    })
    const ask = async (query = '') => {
      const answer = await app.inject(`/api/checks${query}`)
      return answer.json<Checks>().checks.map(({ code }) => code)
    }
    t.strictSame(await ask(), [])
    clock.advance(25 * HOUR)
    t.strictSame(await ask(), ['WEFT0701'])
    t.strictSame(await ask('?namespace=shop'), ['WEFT0701'])
    t.strictSame(await ask('?namespace=blog'), [])
    counted(metrics, 'HTTPRoute/shop/web/0', clock.now())
    t.strictSame(await ask(), ['WEFT0701'], 'what was found holds for some seconds')
    clock.advance(5000)
    t.strictSame(await ask(), [])
    await app.close()
  },
)

t.test('which matches take all that another would', (t) => {
  const match = (path: Match['path'], more: Partial<Match> = {}): Match => ({
    path,
    method: undefined,
    headers: [],
    query: [],
    grpc: false,
    ...more,
  })
  const prefix = (value: string, more: Partial<Match> = {}) => match({ kind: 'prefix', value }, more)
  const exact = (value: string) => match({ kind: 'exact', value })
  const header = (value: string) => ({ headers: [{ name: 'x-a', kind: 'exact' as const, value }] })
  for (const [wide, narrow, expected] of [
    [prefix(''), exact('/a'), true],
    [prefix(''), match({ kind: 'regex', value: '/a.*' }), true],
    [prefix('/a'), exact('/a'), true],
    [prefix('/a'), prefix('/a/b'), true],
    [prefix('/a'), exact('/ab'), false],
    [prefix('/a'), match({ kind: 'regex', value: '/a/.*' }), false],
    [exact('/a'), prefix('/a'), false],
    [match({ kind: 'regex', value: '/.*' }), prefix('/a'), true],
    [match({ kind: 'regex', value: '/a.*' }), prefix('/a'), false],
    [prefix('', { method: 'GET' }), prefix(''), false],
    [prefix(''), prefix('', { method: 'GET' }), true],
    [prefix('', header('1')), prefix('', header('1')), true],
    [prefix('', header('1')), prefix('', header('2')), false],
    [prefix('', header('1')), prefix(''), false],
    [prefix('', { grpc: true }), prefix(''), false],
  ] as const)
    t.equal(covers(wide, narrow), expected, JSON.stringify([wide, narrow]))
  t.end()
})
