import { Socket } from 'node:net'
import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import { CircuitBreakers } from './circuit-breakers.ts'
import { ConnectionRoom } from './connection-room.ts'
import { HttpPool, type OpenConnection } from './http-pool.ts'
import { FakeConnection } from './testing/fake-connection.ts'
import { RecordingWaiter } from './testing/recording-waiter.ts'

interface Limits {
  readonly maxConnections?: number
  readonly maxPendingRequests?: number
}

/** A pool whose connections come about or fail when the test says so. */
class Bench {
  readonly connections: FakeConnection[] = []
  readonly clock = new ManualClock()
  readonly room: ConnectionRoom
  readonly breakers = new CircuitBreakers()
  readonly pool: HttpPool
  cancelled = 0
  readonly #connecting: ((identity: string | undefined, flags?: number) => void)[] = []

  constructor(limits: Limits = {}, protocol: 'http/1.1' | 'h2' = 'http/1.1', maxStreams = 2) {
    const open: OpenConnection = (handler, done) => {
      const finish = (identity: string | undefined, flags = ResponseFlag.UF): void => {
        if (identity === undefined)
          return done(undefined, undefined, {
            reason: 'connect',
            flags,
            details: 'refused',
          })
        const connection = new FakeConnection(protocol, handler, 0, maxStreams, () => {})
        this.connections.push(connection)
        done(connection, { socket: new Socket(), alpn: '', identity }, undefined)
      }
      this.#connecting.push(finish)
      const cancel = (): void => {
        this.cancelled++
        this.#connecting.splice(this.#connecting.indexOf(finish), 1)
      }
      return { cancel }
    }
    this.room = new ConnectionRoom(limits.maxConnections ?? 10)
    this.limitPending(limits.maxPendingRequests ?? 10)
    this.pool = new HttpPool({
      room: this.room,
      breakers: this.breakers,
      multiplexed: protocol === 'h2',
      open,
      clock: this.clock,
    })
  }

  limitPending(maxPendingRequests: number): void {
    this.breakers.configure({ maxConnections: 0, maxPendingRequests, maxRequests: 0 })
  }

  /** Attempts that wait for their outcome. */
  get connecting(): number {
    return this.#connecting.length
  }

  accept(identity = ''): FakeConnection {
    this.#connecting.shift()?.(identity)
    return this.connections.at(-1) as FakeConnection
  }

  refuse(flags?: number): void {
    this.#connecting.shift()?.(undefined, flags)
  }

  request(): RecordingWaiter {
    return RecordingWaiter.at(this.pool)
  }
}

t.test('a connection for each HTTP/1.1 request at once, and none while one is free', async (t) => {
  const bench = new Bench()
  const [first, second] = [bench.request(), bench.request()]
  t.equal(bench.connecting, 2)
  bench.accept()
  t.same([first.told, second.told], ['connected', 'waits'])
  bench.accept()
  t.equal(second.told, 'connected')
  bench.connections[0]?.streams[0]?.respond(200)
  bench.connections[1]?.streams[0]?.respond(200)
  t.ok(bench.pool.idle)
  t.same([bench.request().told, bench.request().told], ['connected', 'connected'])
  t.equal(bench.connecting, 0)
})

t.test('many HTTP/2 requests wait for one connection, up to its limit of streams', async (t) => {
  const bench = new Bench({}, 'h2')
  const waiters = [bench.request(), bench.request(), bench.request()]
  t.equal(bench.connecting, 1)
  bench.accept()
  t.same(
    waiters.map(({ told }) => told),
    ['connected', 'connected', 'waits'],
  )
  t.equal(bench.connecting, 1, 'another for who found no room')
  bench.connections[0]?.streams[0]?.respond(200)
  t.equal(waiters[2]?.told, 'connected', 'room on the first came sooner')
})

t.test('limits: connections, waiting requests, and other limits while requests wait', async (t) => {
  const bench = new Bench({ maxConnections: 1, maxPendingRequests: 1 })
  const first = bench.request()
  t.match(bench.request().failure, { reason: 'overflow', flags: ResponseFlag.UO })
  bench.accept()
  t.equal(first.told, 'connected')
  const second = bench.request()
  t.equal(bench.connecting, 0)
  bench.limitPending(5)
  bench.room.limit(2)
  t.equal(bench.connecting, 1, 'who waits profits at once')
  bench.accept()
  t.equal(second.told, 'connected')
  bench.room.limit(1)
  t.equal(bench.pool.size, 2, 'what runs stays')
  t.equal(bench.request().told, 'waits')
  t.equal(bench.connecting, 0)
})

t.test(
  'a refused connection answers one HTTP/1.1 request, and every HTTP/2 request that waits',
  async (t) => {
    const one = new Bench()
    const ones = [one.request(), one.request()]
    one.refuse()
    t.same(
      ones.map(({ told }) => told),
      ['connect', 'waits'],
    )
    const shared = new Bench({}, 'h2')
    const all = [shared.request(), shared.request()]
    shared.refuse()
    t.same(
      all.map(({ told }) => told),
      ['connect', 'connect'],
    )
  },
)

t.test('a closed pool tells who waits and who comes, opens nothing, and lets finish what runs', async (t) => {
  const bench = new Bench()
  const running = bench.request()
  const connection = bench.accept()
  const waiting = bench.request()
  bench.pool.close()
  t.equal(waiting.told, 'removed')
  t.equal(bench.cancelled, 1)
  t.equal(bench.request().told, 'removed', 'and does not hang')
  t.equal(bench.connecting, 0)
  t.notOk(connection.closed)
  connection.streams[0]?.respond(200, 'whole')
  t.match(running.response, { body: 'whole', ended: true })
  t.ok(connection.closed)
  t.equal(bench.pool.size, 0)
})

t.test('who gave up waiting is not called, and its place is free', async (t) => {
  const bench = new Bench({ maxPendingRequests: 1 })
  const gone = bench.request()
  bench.pool.cancel(gone)
  const next = bench.request()
  bench.accept()
  t.same([gone.told, next.told], ['waits', 'connected'])
})

t.test('what waits is carried over to the pool that follows, and can still give up there', async (t) => {
  const before = new Bench()
  const after = new Bench({}, 'h2', 1)
  const running = before.request()
  const old = before.accept()
  const [first, second] = [before.request(), before.request()]
  before.pool.handOver(after.pool)
  t.same([first.told, second.told], ['waits', 'waits'])
  t.equal(before.cancelled, 2)
  t.equal(after.connecting, 1)
  before.pool.cancel(second)
  const late = before.request()
  after.accept()
  t.equal(first.connection?.codec, after.connections[0])
  t.same([second.told, late.told], ['waits', 'waits'])
  after.accept()
  t.equal(late.told, 'connected', 'one that had the old pool in its hand')
  old.streams[0]?.respond(200)
  t.ok(running.response.ended)
  t.ok(old.closed)
  after.pool.close()
  t.equal(before.request().told, 'removed')
})

t.test('connections whose peer is not allowed any more are drained, the others are kept', async (t) => {
  const bench = new Bench()
  const waiters = [bench.request(), bench.request(), bench.request()]
  for (const identity of ['old', 'new', 'old']) bench.accept(identity)
  bench.connections[0]?.streams[0]?.respond(200)
  bench.connections[1]?.streams[0]?.respond(200)
  const [idleOld, idleNew, busyOld] = bench.connections
  bench.pool.keepPeers((identity) => identity === 'new')
  t.same([idleOld?.closed, idleNew?.closed, busyOld?.closed], [true, false, false])
  busyOld?.streams[0]?.respond(200)
  t.ok(waiters[2]?.response.ended)
  t.ok(busyOld?.closed, 'once its request is over')
  t.equal(bench.request().connection?.codec, idleNew)
  t.equal(bench.connecting, 0)
})

t.test('a connection under way when its peers change is held to the change', async (t) => {
  for (const protocol of ['http/1.1', 'h2'] as const) {
    const bench = new Bench({}, protocol)
    const first = bench.request()
    bench.pool.keepPeers((identity) => identity !== 'old')
    t.equal(bench.cancelled, 0)
    bench.accept('old')
    t.equal(first.told, 'waits')
    t.ok(bench.connections[0]?.closed)
    t.equal(bench.pool.size, 0)
    bench.pool.keepPeers(() => true)
    bench.refuse(ResponseFlag.UF | ResponseFlag.UAEX)
    t.equal(first.told, 'waits', 'it failed by the names of before')
    bench.pool.keepPeers((identity) => identity === 'new')
    bench.accept('new')
    t.equal(first.told, 'connected')
    t.equal(bench.connecting, 0)
  }
})

t.test('an endpoint that nobody can connect to is no secret while its peers change', async (t) => {
  const bench = new Bench()
  const waiter = bench.request()
  bench.pool.keepPeers(() => true)
  bench.refuse()
  t.equal(waiter.told, 'connect')
  t.equal(bench.connecting, 0)
})

t.test('connections that waited beside one that was closed are not trusted', async (t) => {
  const bench = new Bench()
  bench.request()
  bench.request()
  const both = [bench.accept(), bench.accept()]
  for (const { streams } of both) streams[0]?.respond(200)
  t.equal(bench.pool.size, 2)
  bench.pool.distrustIdle()
  t.equal(bench.pool.size, 0)
  t.equal(bench.request().told, 'waits')
  t.equal(bench.connecting, 1)
})

t.test('a connection that ends makes room for who waits', async (t) => {
  const bench = new Bench({ maxConnections: 1 })
  bench.request()
  const connection = bench.accept()
  const waiting = bench.request()
  connection.lose()
  t.equal(bench.connecting, 1)
  bench.accept()
  t.equal(waiting.told, 'connected')
})

t.test(
  'who needs a new connection gets one, also where all places are taken by ones that wait',
  async (t) => {
    const bench = new Bench({ maxConnections: 1 })
    bench.request()
    bench.accept().streams[0]?.respond(200)
    const waiter = RecordingWaiter.at(bench.pool, 'none')
    t.equal(waiter.told, 'waits')
    t.equal(bench.connections[0]?.closed, true)
    bench.accept()
    t.equal(waiter.connection?.codec, bench.connections[1])
    t.equal(bench.pool.size, 1)
  },
)

t.test('a connection that waits from its start is no new one', async (t) => {
  const bench = new Bench()
  bench.request()
  const second = bench.request()
  bench.accept().streams[0]?.respond(200)
  t.equal(second.connection?.waited, false)
  bench.accept()
  bench.clock.advance(3000)
  t.equal(bench.request().connection?.waited, true)
})

t.test(
  'what must not be repeated keeps away from a connection that its server has ended, read or not',
  async (t) => {
    for (const ended of [true, false]) {
      const bench = new Bench()
      RecordingWaiter.at(bench.pool)
      const connection = bench.accept()
      connection.announcedIdleMs = 5000
      connection.streams[0]?.respond(200)
      bench.clock.advance(1)
      connection.endedByPeer = ended
      t.equal(RecordingWaiter.at(bench.pool, 'safe').told, ended ? 'waits' : 'connected')
    }
  },
)
