import { setImmediate } from 'node:timers/promises'
import { fastify } from 'fastify'
import t from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { DecisionStore } from '../telemetry/decision-store.ts'
import { MetricStore } from '../telemetry/metric-store.ts'
import { TraceStore } from '../telemetry/trace-store.ts'
import type { MeshAnswers } from '../answers/mesh-answers.ts'
import { openAccess } from '../access/open-access.ts'
import { guardAccess } from './access-guard.ts'
import { livePage } from './live-page.ts'
import { listen } from './testing/listen.ts'
import type { MeshOverview } from './overview.ts'
import { rest } from './rest.ts'

interface TestLike {
  teardown(task: () => unknown): void
}

async function serve(t: TestLike) {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const traces = new TraceStore()
  const version = { value: 1 }
  const mesh = {
    trustDomain: 'cluster.local',
    version: () => version.value,
    services: () => [],
    workloads: () => 0,
    problems: () => [],
    proxies: () => [],
    issuer: () => undefined,
  } as unknown as MeshOverview
  const app = fastify({ forceCloseConnections: true })
  await app.register(rest, {
    ...{ mesh, traces, metrics: new MetricStore(), decisions: new DecisionStore(), release: '0', clock },
    replicas: () => [],
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return { clock, address, version }
}

t.test('the map is sent at once and every two seconds, and the mesh when it changed', async (t) => {
  const { address, clock, version } = await serve(t)
  const live = await listen(`${address}/api/live`)
  t.match(live.headers.get('content-type'), /^text\/event-stream/)
  t.match(live.headers.get('content-security-policy'), /default-src 'none'/)
  t.match(await live.next('mesh'), { version: 1 })
  t.match(await live.next('graph'), { nodes: [], coverage: { answered: 1 } })
  version.value = 2
  clock.advance(2000)
  t.match(await live.next('mesh'), { version: 2 })
  t.match(await live.next('graph'), { nodes: [] })
  live.stop()
})

t.test('who comes and goes while the map is asked for leaves one round every two seconds', async (t) => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const waiting: (() => void)[] = []
  const graph = (): Promise<object> => new Promise((resolve) => waiting.push(() => resolve({ nodes: [] })))
  const app = fastify({ forceCloseConnections: true })
  const answers = { graph } as unknown as MeshAnswers
  const guard = guardAccess(app, { access: () => openAccess({ acts: false }), page: [] })
  livePage(app, { answers, clock, guard, mesh: async () => ({}), headers: {} })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const answerAll = (): void => {
    for (const answer of waiting.splice(0)) answer()
  }
  const first = await listen(`${address}/api/live`)
  answerAll()
  await first.next('graph')
  clock.advance(2000)
  first.stop()
  while (clock.pending > 0) await setImmediate()
  const second = await listen(`${address}/api/live`)
  answerAll()
  await second.next('graph')
  t.equal(clock.pending, 2, 'the next round, and what keeps the stream alive')
  clock.advance(2000)
  t.equal(waiting.length, 1)
  second.stop()
})

t.test('of one address few may listen, and who leaves makes room', async (t) => {
  const { address } = await serve(t)
  const open = await Promise.all(Array.from({ length: 8 }, () => listen(`${address}/api/live`)))
  t.ok(open.every(({ status }) => status === 200))
  const refused = await fetch(`${address}/api/live`)
  t.equal(refused.status, 429)
  t.match(await refused.json(), { error: { code: 'api.too_many_listeners' } })
  open[0]?.stop()
  let again = await fetch(`${address}/api/live?namespace=shop`)
  while (again.status === 429) again = await fetch(`${address}/api/live?namespace=shop`)
  t.equal(again.status, 200)
  await again.body?.cancel()
  for (const one of open.slice(1)) one.stop()
})
