import t from 'tap'
import { noTelemetry } from '../../exchange/telemetry-sink.ts'
import type { RequestHead } from '../../http/message.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import { seeded } from '../../testing/seeded-random.ts'
import { headOf, HOP, manual } from '../testing/requests.ts'
import { Simulation, type SimulatedServer } from '../testing/simulated-server.ts'
import { AdaptiveConcurrencyStep, type AdaptiveConcurrencyConfig } from './adaptive-concurrency.ts'

const CONFIG: AdaptiveConcurrencyConfig = {
  percentile: 50,
  maxLimit: 200,
  minLimit: 3,
  updateMs: 100,
  minRttMs: 10_000,
  jitterPercent: 15,
  requestCount: 50,
  bufferPercent: 25,
  status: 503,
  priorityHeader: '',
}

const TEN_WORKERS: SimulatedServer = { workers: 10, serviceMs: () => 50, patienceMs: 250 }
const CAPACITY = 200

function started(change: Partial<AdaptiveConcurrencyConfig> = {}, server = TEN_WORKERS) {
  const deps = manual(0.5)
  const step = new AdaptiveConcurrencyStep({ ...CONFIG, ...change }, 'adaptive', deps)
  return { deps, step, simulation: new Simulation(deps.clock, step, server) }
}

t.test('a server with three times the load that it bears answers nine tenths of what it can', async (t) => {
  const random = seeded(7)
  const exponential = () => -Math.log(1 - random()) * 50
  for (const [name, capacity, server] of [
    ['always 50 ms', 200, TEN_WORKERS],
    ['50 ms on average', 200, { workers: 10, serviceMs: exponential, patienceMs: 400 }],
    ['one worker', 200, { workers: 1, serviceMs: () => 5, patienceMs: 25 }],
    ['slow', 10, { workers: 10, serviceMs: () => 1000, patienceMs: 5000 }],
  ] as const) {
    const { simulation, step } = started({ minLimit: 1 }, server)
    const learned = simulation.run({ requestsPerSecond: 3 * capacity, forMs: 40_000 })
    if (server.workers * server.patienceMs > 2000 && capacity === 200)
      t.ok(learned.inTime >= 0.9 * 40 * capacity, `${name}: ${learned.inTime} of ${40 * capacity} at once`)
    const served = simulation.run({ requestsPerSecond: 3 * capacity, forMs: 60_000 })
    const share = served.inTime / (60 * capacity)
    t.ok(share >= 0.9, `${name}: ${(100 * share).toFixed(1)} % of capacity, limit ${step.limit}`)
  }
})

t.test('without a limit nobody is answered in time', async (t) => {
  const { simulation } = started({ minLimit: 100_000, maxLimit: 100_000 })
  const served = simulation.run({ requestsPerSecond: 3 * CAPACITY, forMs: 10_000 })
  t.ok(served.inTime < 0.1 * 10 * CAPACITY, String(served.inTime))
})

t.test('a server within its capacity turns nobody away', async (t) => {
  const { simulation } = started()
  for (const share of [0.1, 0.5, 0.8])
    t.equal(simulation.run({ requestsPerSecond: share * CAPACITY, forMs: 20_000 }).refused, 0, `${share}`)
})

t.test('the limit follows a server that becomes slower or faster for good', async (t) => {
  const { simulation } = started()
  simulation.run({ requestsPerSecond: 3 * CAPACITY, forMs: 20_000 })
  simulation.server = { workers: 40, serviceMs: () => 50, patienceMs: 250 }
  simulation.run({ requestsPerSecond: 3000, forMs: 5000 })
  const faster = simulation.run({ requestsPerSecond: 3000, forMs: 20_000 })
  t.ok(faster.inTime >= 0.9 * 20 * 800, `${faster.inTime} of ${20 * 800}`)
  simulation.server = { workers: 10, serviceMs: () => 200, patienceMs: 1000 }
  simulation.run({ requestsPerSecond: 150, forMs: 30_000 })
  const slower = simulation.run({ requestsPerSecond: 150, forMs: 30_000 })
  t.ok(slower.inTime >= 0.9 * 30 * 50, `${slower.inTime} of ${30 * 50}`)
})

t.test('of an overload the least important are turned away first', async (t) => {
  const { simulation } = started({ priorityHeader: 'x-priority' })
  const priorities = ['high', 'low', 'low', 'low', 'normal', 'low']
  const fields = (n: number) => ['x-priority', priorities[n % priorities.length] as string]
  simulation.run({ requestsPerSecond: 1.5 * CAPACITY, forMs: 10_000, fields })
  const { refusedBy } = simulation.run({ requestsPerSecond: 1.5 * CAPACITY, forMs: 60_000, fields })
  const sent = (60 * 1.5 * CAPACITY) / 6
  t.ok((refusedBy['high'] ?? 0) < 0.02 * sent, `${refusedBy['high']} of ${sent} high`)
  t.ok((refusedBy['normal'] ?? 0) < 0.1 * sent, `${refusedBy['normal']} of ${sent} normal`)
  t.ok((refusedBy['low'] ?? 0) > 0.3 * 4 * sent, `${refusedBy['low']} of ${4 * sent} low`)
})

t.test('who is turned away is told why', async (t) => {
  const { step } = started({ maxLimit: 1, minLimit: 1 })
  t.equal(step.decide(HOP, headOf('/')), undefined)
  t.match(step.decide(HOP, headOf('/')), {
    kind: 'answer',
    flags: ResponseFlag.UO,
    reply: { status: 503, details: 'reached_concurrency_limit' },
  })
})

function opened(step: AdaptiveConcurrencyStep, change: Partial<RequestHead> = {}): RequestHead | undefined {
  const head = { ...headOf('/'), ...change }
  return step.decide(HOP, head) ? undefined : head
}

t.test('streams take no place and are no measure of the server', async (t) => {
  const { deps, step } = started({ maxLimit: 2, minLimit: 2, updateMs: 10 })
  const ok = { status: 200, fields: [] }
  for (let i = 0; i < 10; i++) {
    const tunnel = opened(step, { upgrade: 'websocket' })
    t.ok(tunnel)
    if (tunnel) step.answered(tunnel, { status: 101, fields: [] }, undefined)
  }
  for (let i = 0; i < 2; i++) {
    const events = opened(step)
    if (events) step.answered(events, ok, deps.clock.now())
  }
  t.equal(opened(step), undefined, 'an answer that has begun may be a short one')
  deps.clock.advance(1000)
  t.ok(opened(step), 'one that goes on is a stream')
  t.ok(opened(step))
  t.equal(opened(step), undefined)
  deps.clock.advance(60_000)
  t.ok(opened(step), 'a request that nobody answers waits for something')
  step.finished(headOf('/'))
})

t.test('callers that take long for a short body do not lower the limit for all', async (t) => {
  const { deps, step } = started()
  const { clock } = deps
  /** Requests at once whose bodies take so long; the server answers each of them 20 ms after that. */
  const round = (requests: number, bodyMs: number): void => {
    const heads = Array.from({ length: requests }, () => opened(step, { fields: ['content-length', '10'] }))
    clock.advance(bodyMs)
    const wholeAt = clock.now()
    clock.advance(20)
    for (const head of heads) {
      if (!head) continue
      step.answered(head, { status: 200, fields: [] }, wholeAt)
      step.finished(head)
    }
  }
  for (let i = 0; i < 50; i++) round(20, 0)
  t.equal(step.limit, 200)
  for (let i = 0; i < 50; i++) round(120, 5000)
  t.equal(step.limit, 200)
})

t.test('failures, uploads and requests that are not whole are no measure of the server', async (t) => {
  const minRtt = { value: 0 }
  const deps = {
    ...manual(),
    telemetry: {
      ...noTelemetry,
      limitMetric: (name: string) => (name === 'concurrency_min_rtt_seconds' ? minRtt : { value: 0 }),
    },
  }
  const step = new AdaptiveConcurrencyStep({ ...CONFIG, updateMs: 10 }, 'adaptive', deps)
  const answer = (ms: number, fields: string[], status: number, answerFields: string[], whole: boolean) => {
    const head = headOf('/', fields)
    step.decide(HOP, head)
    const cameAt = deps.clock.now()
    deps.clock.advance(ms)
    step.answered(head, { status, fields: answerFields }, whole ? cameAt : undefined)
    step.finished(head)
  }
  for (let i = 0; i < 30; i++) {
    answer(1, [], 503, [], true)
    answer(1, [], 200, ['grpc-status', '14'], true)
    answer(1, [], 200, [], false)
    answer(1, ['content-length', '70000'], 200, [], true)
    answer(1, ['content-length', '9'.repeat(20)], 200, [], true)
  }
  t.equal(minRtt.value, 0)
  for (let i = 0; i < 30; i++) answer(20, [], 200, [], true)
  t.equal(minRtt.value, 0.02)
})

t.test('it has nothing to remember once nothing runs at its full limit', async (t) => {
  const { step } = started()
  t.equal(step.fresh(), true)
  const head = opened(step) as RequestHead
  t.equal(step.fresh(), false)
  step.finished(head)
  t.equal(step.fresh(), true)
})
