import t from 'tap'
import type { HedgePolicy, RetryPolicy } from '../model/route.ts'
import { forwardTo, RETRY_503 } from '../testing/static-configuration.ts'
import type { FakeServer } from '../upstream/testing/fake-upstream.ts'
import { MemoryExchange, NOTHING_LEFT, type Sending } from './testing/memory-exchange.ts'

const HEDGE: HedgePolicy = { afterMs: 50, max: 1, nonIdempotent: false }

function meshOf(servers: number, hedge: HedgePolicy | undefined = HEDGE, retry?: RetryPolicy) {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }, { hedge, retry, timeoutMs: 10_000 }))
  const ports = Array.from({ length: servers }, (_, i) => i + 1)
  mesh.upstream.configuration.setCluster('app', ports)
  const outcomes: string[] = []
  for (const state of mesh.upstream.clusters.get('app').states.values())
    state.observe = (outcome) => void outcomes.push(`${state.endpoint.port} ${outcome}`)
  /** The servers that have a request open, in the order in which it came to them. */
  const open = (): FakeServer[] =>
    ports.map((port) => mesh.upstream.server(port)).filter(({ streams }) => streams.some(({ over }) => !over))
  const send = (sending?: Sending) => {
    const caller = mesh.send(sending)
    mesh.clock.advance(0)
    return caller
  }
  const portOf = (server: FakeServer | undefined): number =>
    ports.find((port) => mesh.upstream.server(port) === server) ?? 0
  return Object.assign(mesh, { open, outcomes, begin: send, portOf })
}

t.test('an answer that takes long is asked for elsewhere, and the first one wins', async (t) => {
  for (const winner of ['first', 'second'] as const) {
    const mesh = meshOf(3)
    const caller = mesh.begin({ path: '/item' })
    const [first] = mesh.open()
    mesh.clock.advance(49)
    t.equal(mesh.open().length, 1)
    mesh.clock.advance(1)
    mesh.clock.advance(0)
    const second = mesh.open().find((server) => server !== first)
    t.equal(second?.stream.head.path, '/item')
    const [wins, loses] = winner === 'first' ? [first, second] : [second, first]
    wins?.stream.respond(200, winner)
    t.same([caller.status, caller.body], [200, winner])
    t.equal(loses?.streams[0]?.resetBy, 'cancel')
    t.same(
      mesh.outcomes.toSorted(),
      [`${mesh.portOf(wins)} answered`, `${mesh.portOf(loses)} cancelled`].toSorted(),
    )
    t.match(mesh.records[0], { attempts: 2, upstream: `127.0.0.1:${mesh.portOf(wins)}`, flags: 0 })
    t.same(mesh.counts, winner === 'first' ? ['hedges_sent'] : ['hedges_sent', 'hedges_won'])
    t.same(mesh.leftovers, NOTHING_LEFT)
    t.equal(mesh.clock.pending, 0)
  }
})

t.test('a limit of retries at a time is one of hedges, too', async (t) => {
  const mesh = meshOf(2)
  const limits = { maxConnections: 100, maxPendingRequests: 100, maxRequests: 100, maxRetries: 1 }
  mesh.upstream.configuration.setCluster('app', [1, 2], { limits })
  mesh.begin()
  mesh.begin()
  mesh.clock.advance(50)
  mesh.clock.advance(0)
  t.same(mesh.counts, ['hedges_sent'])
  for (const server of mesh.open()) for (const stream of server.streams) if (!stream.over) stream.respond(200)
  t.same(mesh.leftovers, NOTHING_LEFT)
  t.equal(mesh.upstream.clusters.get('app').breakers.retries, 0)
})

t.test('only what may be sent twice is: idempotent, whole and at hand, no tunnel', async (t) => {
  const cases: readonly (readonly [Sending, HedgePolicy, number])[] = [
    [{ method: 'POST' }, HEDGE, 1],
    [{ method: 'PATCH' }, HEDGE, 1],
    [{ method: 'POST' }, { ...HEDGE, nonIdempotent: true }, 2],
    [{ method: 'PUT' }, HEDGE, 2],
    [{ method: 'PUT', open: true }, HEDGE, 1],
    [{ upgrade: 'websocket' }, HEDGE, 1],
  ]
  for (const [sending, policy, tries] of cases) {
    const mesh = meshOf(2, policy)
    mesh.setRoutes([forwardTo({ app: 1 }, { hedge: policy, upgrades: ['websocket'] })])
    const caller = mesh.begin(sending)
    mesh.clock.advance(1000)
    t.equal(mesh.open().length, tries, JSON.stringify(sending))
    caller.leave()
    t.same(mesh.leftovers, NOTHING_LEFT)
    t.equal(mesh.clock.pending, 0)
  }
})

t.test('a body that is at hand goes along, one that is too large to keep is sent once', async (t) => {
  const mesh = meshOf(2)
  const small = mesh.begin({ method: 'PUT', open: true })
  small.say('hello')
  mesh.clock.advance(1000)
  t.equal(mesh.open().length, 1, 'not while it comes')
  small.finish()
  mesh.clock.advance(50)
  mesh.clock.advance(0)
  t.same(
    mesh.open().map(({ stream }) => [stream.body, stream.ended]),
    [
      ['hello', true],
      ['hello', true],
    ],
  )
  small.leave()
  const large = mesh.begin({ method: 'PUT', open: true })
  large.say('x'.repeat(100_000))
  large.finish()
  mesh.clock.advance(1000)
  t.equal(mesh.open().length, 1)
  large.leave()
})

t.test('no more than the route and the budget allow, and never twice to one endpoint', async (t) => {
  const twice = meshOf(4, { ...HEDGE, max: 2 })
  twice.begin()
  for (let i = 0; i < 10; i++) twice.clock.advance(50)
  t.equal(twice.open().length, 3)
  const alone = meshOf(1)
  alone.begin()
  alone.clock.advance(1000)
  t.equal(alone.upstream.server(1).streams.length, 1)
  const poor = meshOf(2)
  poor.upstream.configuration.setCluster('app', [1, 2], { retryBudget: { percent: 0, minPerSecond: 0 } })
  poor.begin()
  poor.clock.advance(1000)
  t.equal(poor.open().length, 1)
  t.same(poor.counts, ['retry_budget_exhausted'])
})

t.test('a try that fails leaves the request to the other one', async (t) => {
  const mesh = meshOf(2, HEDGE, RETRY_503)
  for (const fails of ['first', 'second'] as const) {
    const caller = mesh.begin()
    const [first] = mesh.open()
    mesh.clock.advance(50)
    mesh.clock.advance(0)
    const second = mesh.open().find((server) => server !== first)
    const [bad, good] = fails === 'first' ? [first, second] : [second, first]
    bad?.stream.respond(503)
    t.equal(caller.status, undefined, 'its answer is one that would be turned away')
    mesh.clock.advance(20)
    t.equal(mesh.open().length, 1, 'and nothing else follows')
    good?.stream.respond(200)
    t.equal(caller.status, 200)
  }
  const caller = mesh.begin()
  mesh.clock.advance(50)
  mesh.clock.advance(0)
  const [one, other] = mesh.open()
  one?.stream.fail('connection')
  t.equal(caller.status, undefined)
  other?.stream.fail('protocol')
  mesh.clock.advance(10)
  t.equal(mesh.open().length, 1, 'once all have failed it is tried again as ever')
  mesh.open()[0]?.stream.respond(200)
  t.equal(caller.status, 200)
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('a caller that leaves and a deadline end all tries', async (t) => {
  const mesh = meshOf(2)
  const left = mesh.begin()
  mesh.clock.advance(60)
  t.equal(mesh.open().length, 2)
  left.leave()
  t.equal(mesh.open().length, 0)
  const late = mesh.begin()
  mesh.clock.advance(10_000)
  t.equal(late.status, 504)
  t.equal(mesh.open().length, 0)
  t.same(mesh.leftovers, NOTHING_LEFT)
  t.equal(mesh.clock.pending, 0)
})

t.test('without a policy nothing is sent twice', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  mesh.upstream.configuration.setCluster('app', [1, 2])
  mesh.send()
  mesh.clock.advance(5000)
  t.equal(mesh.upstream.server(1).streams.length + mesh.upstream.server(2).streams.length, 1)
})
