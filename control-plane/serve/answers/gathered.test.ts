import { createServer, type AddressInfo, type Server } from 'node:net'
import { fastify } from 'fastify'
import t from 'tap'
import type { Graph, Series } from '../../../core/api/traffic.ts'
import type { TraceSearch } from '../../../core/api/traces.ts'
import { ManualClock } from '../../../core/clock.ts'
import type { Replica } from '../../canary/evidence/gathered-counts.ts'
import { EventLog } from '../events/event-log.ts'
import type { MeshOverview } from '../rest/overview.ts'
import { rest } from '../rest/rest.ts'
import { DecisionStore } from '../telemetry/decision-store.ts'
import { BUCKETS } from '../telemetry/durations.ts'
import { MetricStore, pairKey } from '../telemetry/metric-store.ts'
import { TraceStore } from '../telemetry/trace-store.ts'
import { ownTelemetry } from './own-telemetry.ts'

const START = Date.UTC(2026, 0, 1)
const MESH = {} as MeshOverview

/** A replica that was told of so many requests, each in this bucket, and of a trace of its own. */
async function replica(
  t: Tap,
  told: { requests: number; bucket: number; trace: string },
  others: () => readonly Replica[],
) {
  const clock = new ManualClock(START)
  const stores = {
    metrics: new MetricStore(),
    traces: new TraceStore(undefined, clock),
    events: new EventLog(),
  }
  const own = ownTelemetry({ ...stores, clock })
  const counts = new Float64Array(BUCKETS)
  counts[told.bucket] = told.requests
  for (const [table, key] of [
    [stores.metrics.edges, pairKey('web.shop', 'catalog.shop')],
    [stores.metrics.destinations, 'catalog.shop'],
  ] as const)
    table
      .at(key, 'shop', START)
      .add(counts, { outcome: 'answered', transport: 'mutualTls' }, START + 2000, START + 4000)
  stores.traces.add({
    traceId: told.trace.repeat(32),
    spanId: told.trace.repeat(16),
    parentSpanId: '',
    name: 'GET',
    kind: 'server',
    service: 'web',
    namespace: 'shop',
    pod: `web-${told.trace}`,
    startMs: START,
    durationMs: 1,
    status: 'unset',
    statusMessage: '',
    attributes: {},
  })
  for (const text of ['Changed.', `Of ${told.trace}.`])
    stores.events.add({ at: START, kind: 'route', namespace: 'shop', object: 'r', service: '', text })
  clock.advance(10_000)
  const app = fastify()
  const decisions = new DecisionStore()
  await app.register(rest, {
    ...{ mesh: MESH, traces: stores.traces, metrics: stores.metrics, decisions, release: '0', clock },
    ...{ own, replicas: others },
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const get = async <T>(path: string): Promise<T> => (await fetch(`${address}${path}`)).json() as Promise<T>
  return { app, address, get }
}

interface Tap {
  teardown(task: () => unknown): void
}

/** One that takes connections and says nothing. */
async function hanging(t: Tap): Promise<Replica> {
  const server: Server = createServer(() => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { pod: 'weft-system/hangs', address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

t.test('replicas answer as one, and who does not is named', async (t) => {
  const others: Replica[] = []
  const one = await replica(t, { requests: 30, bucket: 2, trace: 'a' }, () => others)
  const two = await replica(t, { requests: 10, bucket: 9, trace: 'b' }, () => [])
  others.push({ pod: 'weft-system/two', address: two.address })

  const graph = await one.get<Graph>('/api/graph?last=10')
  t.same(graph.coverage, { answered: 2, missing: [] })
  const [edge] = graph.edges
  const seconds = (graph.to - graph.from) / 1000
  t.equal(edge?.traffic.rate, 40 / seconds, 'rates add up')
  t.ok((edge?.traffic.p50Ms ?? 0) < 5, 'most of all are quick')
  t.ok((edge?.traffic.p95Ms ?? 0) > 75, 'and the slow ones of the other are among them')

  const series = await one.get<Series>('/api/series?of=service&name=catalog.shop&last=10')
  t.equal(
    series.rate.reduce<number>((sum, rate) => sum + (rate ?? 0) * (series.stepMs / 1000), 0),
    40,
  )
  const { traces } = await one.get<TraceSearch>('/api/traces')
  t.same(new Set(traces.map(({ traceId }) => traceId[0])), new Set(['a', 'b']))
  t.match(await one.get(`/api/traces/${'b'.repeat(32)}`), { service: 'web', coverage: { answered: 2 } })
  const { events } = await one.get<{ events: { text: string }[] }>('/api/events')
  t.same(events.map(({ text }) => text).toSorted(), ['Changed.', 'Of a.', 'Of b.'], 'a change is told once')

  await two.app.close()
  const alone = await one.get<Graph>('/api/graph?last=10')
  t.match(alone.coverage, { answered: 1, missing: [{ replica: 'weft-system/two' }] })
  t.equal(alone.edges[0]?.traffic.rate, 30 / seconds)
  const missing = await one.get<{ error: { message: string } }>(`/api/traces/${'b'.repeat(32)}`)
  t.match(missing.error.message, /weft-system\/two has it, which did not answer/)

  others.splice(0, 1, await hanging(t))
  t.match((await one.get<Graph>('/api/graph?last=10')).coverage, {
    answered: 1,
    missing: [{ replica: 'weft-system/hangs', reason: /2 s/ }],
  })
})

t.test('only who says what it asks is answered as a replica', async (t) => {
  const { address } = await replica(t, { requests: 1, bucket: 1, trace: 'a' }, () => [])
  const post = async (body: unknown, headers: Record<string, string> = { 'sec-weft-client': 'weft' }) =>
    (
      await fetch(`${address}/api/replica`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
    ).status
  const events = { method: 'events', asked: [{ from: 0, to: null, limit: null }] }
  t.equal(await post(events), 200)
  t.equal(await post(events, {}), 403)
  t.equal(await post({ method: 'constructor', asked: [] }), 400)
  t.equal(await post({ method: 'rows', asked: [[], { from: 0, to: 1e12, stepMs: 1 }] }), 400)
  t.equal(await post([]), 400)
})
