import { setImmediate } from 'node:timers/promises'
import { fastify } from 'fastify'
import t from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { DecisionStore } from '../telemetry/decision-store.ts'
import { MetricStore } from '../telemetry/metric-store.ts'
import type { StoredSpan } from '../telemetry/stored-span.ts'
import { alsoTapped, Tap } from '../telemetry/tap.ts'
import { TraceStore } from '../telemetry/trace-store.ts'
import type { MeshAnswers } from '../answers/mesh-answers.ts'
import { openAccess } from '../access/open-access.ts'
import { guardAccess } from './access-guard.ts'
import { livePage } from './live-page.ts'
import type { MeshOverview } from './overview.ts'
import { rest } from './rest.ts'

interface TestLike {
  teardown(task: () => unknown): void
}

async function serve(t: TestLike) {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const traces = new TraceStore()
  const tap = new Tap()
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
  const settings = new Map<string, string>([['secret', 'off']])
  const app = fastify({ forceCloseConnections: true })
  await app.register(rest, {
    ...{ mesh, traces, metrics: new MetricStore(), decisions: new DecisionStore(), release: '0', clock },
    ...{ tap, tapSetting: (name: string) => settings.get(name) },
    replicas: () => [],
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return { clock, address, taker: alsoTapped(traces, tap), version, settings }
}

/** Reads events one by one, those of these names. */
async function listen(url: string) {
  const stop = new AbortController()
  const answer = await fetch(url, { signal: stop.signal })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const next = async (name: string): Promise<unknown> => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end < 0) {
        const chunk = await reader?.read()
        if (!chunk || chunk.done) throw new Error('the stream ended')
        text += chunk.value
        continue
      }
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? []
      text = text.slice(end + 2)
      if (event === name) return JSON.parse(data ?? '')
    }
  }
  return { status: answer.status, headers: answer.headers, next, stop: () => stop.abort() }
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

t.test(
  'a tap tells requests of its namespace, filtered, few a second, and none of one that is off',
  async (t) => {
    const { address, taker, clock, settings } = await serve(t)
    const tapped = await listen(`${address}/api/tap?namespace=shop&status=5xx&rate=2`)
    t.same(await tapped.next('source'), { sampled: true, coverage: { answered: 1, missing: [] } })
    const failed = { 'http.response.status_code': 503 }
    taker.add(span({}))
    taker.add(span({ namespace: 'pay' }, failed))
    taker.add(span({ kind: 'client' }, { ...failed, 'weft.try': 'retry' }))
    for (let n = 1; n <= 5; n++) taker.add(span({ durationMs: n }, failed))
    t.match(await tapped.next('request'), {
      durationMs: 1,
      status: 503,
      path: '/items',
      direction: 'inbound',
    })
    t.match(await tapped.next('request'), { durationMs: 2, grpcStatus: null })
    clock.advance(1000)
    taker.add(span({ durationMs: 6 }, { ...failed, 'rpc.response.status_code': 'UNAVAILABLE' }))
    t.same(await tapped.next('skipped'), { requests: 3 })
    t.match(await tapped.next('request'), { durationMs: 6, grpcStatus: 14 })
    settings.set('shop', 'off')
    taker.add(span({ durationMs: 7 }, failed))
    settings.delete('shop')
    taker.add(span({ durationMs: 8 }, failed))
    t.match(await tapped.next('request'), { durationMs: 8 }, 'whoever says so is heard at once')
    tapped.stop()
    t.equal((await fetch(`${address}/api/tap?namespace=secret`)).status, 403)
    t.equal((await fetch(`${address}/api/tap`)).status, 400)
    t.equal((await fetch(`${address}/api/tap?namespace=shop&rate=201`)).status, 400)
  },
)
