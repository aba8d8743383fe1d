import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { EventLog } from '../serve/events/event-log.ts'
import { ownTelemetry } from '../serve/answers/own-telemetry.ts'
import { requestsOf } from '../serve/telemetry/counts.ts'
import { BUCKETS } from '../serve/telemetry/durations.ts'
import { MetricStore } from '../serve/telemetry/metric-store.ts'
import type { StoredSpan } from '../serve/telemetry/stored-span.ts'
import { TraceStore } from '../serve/telemetry/trace-store.ts'
import { STORE_IN_MEMORY, TelemetryStore } from './store.ts'

interface TestLike {
  teardown(task: () => unknown): void
}

const SPAN: StoredSpan = {
  traceId: '1'.repeat(32),
  spanId: '2'.repeat(16),
  parentSpanId: '',
  name: 'GET',
  kind: 'server',
  service: 'web',
  namespace: 'shop',
  pod: 'web-1',
  startMs: Date.now(),
  durationMs: 1,
  status: 'error',
  statusMessage: '',
  attributes: {},
}

function directory(t: TestLike): string {
  const made = mkdtempSync(join(tmpdir(), 'weft-store-'))
  t.teardown(() => rmSync(made, { recursive: true, force: true }))
  return made
}

function begin(t: TestLike, over: { directory?: string; maxBytes?: number; memoryBytes?: number }) {
  const stores = { metrics: new MetricStore(), traces: new TraceStore(), events: new EventLog() }
  const store = new TelemetryStore({ ...STORE_IN_MEMORY, ...over, ...stores, log: silentLogger })
  t.teardown(() => store.close())
  const telemetry = ownTelemetry({ ...stores, kept: store })
  return { ...stores, store, telemetry }
}

const ALL = { from: 0, to: Infinity, limit: 10 }

t.test('what was told outlives the process', async (t) => {
  const at = directory(t)
  const before = begin(t, { directory: at })
  const now = Date.now()
  const counts = new Float64Array(BUCKETS)
  counts[1] = 10
  before.metrics.destinations
    .at('catalog.shop', 'shop', now)
    .add(counts, { outcome: 'failed', transport: 'mutualTls' }, now - 5, now)
  before.store.add(SPAN)
  before.events.add({ at: now, kind: 'route', namespace: 'shop', object: 'r', service: '', text: 'Changed.' })
  await before.store.close()
  t.equal(statSync(join(at, 'telemetry.db')).mode & 0o077, 0, 'nobody else may read it')

  const after = begin(t, { directory: at })
  const range = { from: Math.floor(now / 600_000) * 600_000 - 600_000, to: now + 60_000 }
  const kept = await after.store.counts(range)
  t.equal(requestsOf(kept.counts.destinations.get('catalog.shop') ?? []), 10)
  t.match(await after.telemetry.traces(ALL), [{ traceId: SPAN.traceId, failed: true }])
  t.match(await after.telemetry.spans(SPAN.traceId), [{ pod: 'web-1' }])
  t.match(await after.telemetry.events(ALL), [{ text: 'Changed.' }])
  t.match(after.store.state, { where: 'disk', problem: '' })
})

t.test('a file that is broken, or of a newer version, is moved aside, and one of them is left', async (t) => {
  const at = directory(t)
  const file = join(at, 'telemetry.db')
  writeFileSync(file, 'this is no database, and longer than a header of one would be'.repeat(100))
  const first = begin(t, { directory: at })
  t.same(await first.telemetry.traces(ALL), [])
  t.match(first.store.state, { where: 'disk', problem: /aside.*broken/ })
  first.store.add(SPAN)
  await first.store.close()

  const database = new DatabaseSync(file)
  database.exec('PRAGMA user_version = 99')
  database.close()
  const second = begin(t, { directory: at })
  t.same(await second.telemetry.traces(ALL), [])
  t.match(second.store.state, { where: 'disk', problem: /newer version of Weft \(schema 99\)/ })
  const aside = readdirSync(at).filter((name) => name.includes('aside'))
  t.equal(aside.length, 1)
  t.ok(readFileSync(join(at, aside[0] ?? '')).includes('1'.repeat(32)), 'it is the newer one, whole')
})

t.test('where nothing can be written it goes on in memory, and says so', async (t) => {
  const file = join(directory(t), 'file')
  writeFileSync(file, '')
  const { store, telemetry } = begin(t, { directory: join(file, 'below') })
  store.add(SPAN)
  store.flush()
  t.match(await telemetry.traces(ALL), [{ traceId: SPAN.traceId }])
  t.match(store.state, { where: 'memory', problem: /cannot be used/ })
})

t.test('two processes do not write one file', async (t) => {
  const at = directory(t)
  const first = begin(t, { directory: at })
  await first.store.traces(ALL)
  first.store.add(SPAN)
  first.store.flush()
  await first.store.traces(ALL)
  const second = begin(t, { directory: at })
  t.same(await second.store.traces(ALL), [])
  t.match(second.store.state, { where: 'memory', problem: /cannot be used/ })
  t.match(await first.store.traces(ALL), [{}])
})

t.test('without room it goes on in memory', async (t) => {
  // Less than a batch takes, so that there is none whatever was let go.
  const { store } = begin(t, { directory: directory(t), maxBytes: 300_000 })
  const filling = (n: number): StoredSpan => ({
    ...SPAN,
    traceId: n.toString(16).padStart(32, '0'),
    attributes: { 'weft.details': 'x'.repeat(1000) },
  })
  for (let n = 1; n <= 2000; n++) store.add(filling(n))
  store.flush()
  t.ok((await store.traces({ ...ALL, limit: 5000 })).length > 100)
  t.match(store.state, { where: 'memory', problem: /no room/ })
})

t.test('a store that has ended costs nothing but what was before', async (t) => {
  const { store, telemetry, traces } = begin(t, {})
  traces.add(SPAN)
  await store.close()
  t.match(await telemetry.traces(ALL), [{ traceId: SPAN.traceId }])
  t.match(await telemetry.counts({ from: Date.now() - 3_600_000, to: Date.now() }), { counts: {} })
  store.add(SPAN)
  store.flush()
  t.equal(store.state.where, 'nowhere')
})

t.test('a clock that goes back is followed: what is counted then is kept, too', async (t) => {
  const stores = { metrics: new MetricStore(), events: new EventLog() }
  const start = Date.now()
  const clock = { at: start, now: (): number => clock.at, after: systemClock.after.bind(systemClock) }
  const store = new TelemetryStore({ ...STORE_IN_MEMORY, ...stores, log: silentLogger, clock })
  t.teardown(() => store.close())
  const count = (): void =>
    stores.metrics.destinations
      .at('catalog.shop', 'shop', clock.at)
      .add(
        Float64Array.of(1, 0),
        { outcome: 'answered', transport: 'mutualTls' },
        Math.min(Math.max(clock.at - 1, stores.metrics.settledUntil), clock.at),
        clock.at,
      )
  count()
  store.flush(true)
  clock.at -= 3_600_000
  store.flush(true)
  clock.at += 60_000
  count()
  store.flush(true)
  const kept = await store.counts({ from: start - 2 * 3_600_000, to: start + 60_000 })
  t.equal(requestsOf(kept.counts.destinations.get('catalog.shop') ?? []), 1, 'the other was of no time yet')
  t.match(store.state.problem, /the clock went back/)
})
