import t from 'tap'
import { seeded } from '../testing/seeded-random.ts'
import type { ConnectionAddresses } from '../transport/proxy-protocol.ts'
import { OwnConnections } from './own-connections.ts'
import { FakeUpstream } from './testing/fake-upstream.ts'
import { RecordingWaiter } from './testing/recording-waiter.ts'
import type { Cluster } from '../model/cluster.ts'
import { CLUSTER } from '../testing/static-configuration.ts'

const PORT = 8080
const ADDRESSES: ConnectionAddresses = {
  source: { host: '10.0.0.1', port: 1001 },
  destination: { host: '10.0.0.9', port: PORT },
}

/** A cluster of the servers at these ports, whose connections begin with who calls. */
function start(maxConnections: number, ports: readonly number[] = [PORT]) {
  const upstream = new FakeUpstream()
  const configure = (change: Partial<Cluster> = {}, at = ports): void =>
    upstream.configuration.setCluster('app', at, {
      proxyProtocol: 'v1',
      limits: { ...CLUSTER.limits, maxConnections, maxPendingRequests: 10_000 },
      ...change,
    })
  configure()
  const cluster = upstream.clusters.get('app')
  const endpointAt = (port: number) => {
    const endpoint = [...cluster.states.values()].find((state) => state.endpoint.port === port)
    if (!endpoint) throw new Error(`no endpoint at ${port}`)
    return endpoint
  }
  const { clock } = upstream
  return {
    clock,
    configure,
    endpointAt,
    server: upstream.server(PORT),
    caller(loggedIn = false) {
      const own = new OwnConnections(ADDRESSES, loggedIn)
      return {
        own,
        ask(port = PORT, http2 = false): RecordingWaiter {
          const waiter = RecordingWaiter.at(own.pool(endpointAt(port), http2))
          clock.advance(0)
          return waiter
        },
      }
    },
    /** Connections to the server at PORT that are there. */
    open: () => upstream.server(PORT).connections.filter(({ closed }) => !closed).length,
  }
}

t.test('all callers together have as many connections as the cluster allows', async (t) => {
  const bed = start(3)
  const waiters = Array.from({ length: 5 }, () => bed.caller().ask())
  // Of others, which are shared.
  const shared = RecordingWaiter.at(bed.endpointAt(PORT).pool(false))
  bed.clock.advance(0)
  const told = () => [...waiters, shared].map((waiter) => waiter.told)
  t.same(told(), ['connected', 'connected', 'connected', 'waits', 'waits', 'waits'])
  t.equal(bed.server.targets.length, 3)
  // Whoever waits longest is next, also where what becomes free is another's: that closes.
  for (let i = 0; i < 3; i++) {
    bed.server.connections[i]?.streams[0]?.respond(200)
    bed.clock.advance(0)
    t.equal(told().filter((one) => one === 'connected').length, 4 + i)
    t.equal(told()[3 + i], 'connected')
    t.equal(bed.open(), 3)
  }
})

t.test(
  'an idle connection of another caller gives way, and a login only where there is no other',
  async (t) => {
    const bed = start(3)
    const [login, first, second, late, last] = [
      bed.caller(true),
      ...Array.from({ length: 4 }, () => bed.caller()),
    ] as const
    for (const caller of [login, first, second]) caller?.ask()
    for (const { streams } of bed.server.connections) streams[0]?.respond(200)
    const closed = () => bed.server.connections.map((connection) => connection.closed)
    t.equal(late?.ask().told, 'connected')
    t.same(closed(), [false, true, false, false], 'the oldest that is nobody in particular')
    t.equal(last?.ask().told, 'connected')
    t.same(closed(), [false, true, true, false, false])
    t.equal(first?.ask().told, 'connected', 'or those who log in could shut out everybody else')
    t.same(closed(), [true, true, true, false, false, false])
    t.equal(second?.ask().told, 'waits')
  },
)

t.test('what fails, is given up, or waits when its caller leaves takes no room', async (t) => {
  const bed = start(1)
  const endpoint = bed.endpointAt(PORT)
  bed.server.connect = 'refuse'
  for (let i = 0; i < 3; i++) t.equal(bed.caller().ask().told, 'connect')
  bed.server.connect = 'accept'
  const connecting = bed.caller()
  RecordingWaiter.at(connecting.own.pool(endpoint, false))
  const waiting = bed.caller()
  waiting.ask()
  const next = bed.caller().ask()
  t.equal(next.told, 'waits')
  waiting.own.destroy()
  connecting.own.destroy()
  bed.clock.advance(0)
  t.equal(next.told, 'connected')
})

t.test('a larger limit is for those who wait, a smaller one for what comes', async (t) => {
  const bed = start(1)
  const waiters = Array.from({ length: 3 }, () => bed.caller().ask())
  const limit = (maxConnections: number): void => {
    bed.configure({ limits: { ...CLUSTER.limits, maxConnections } })
    bed.clock.advance(0)
  }
  limit(3)
  t.same(
    waiters.map(({ told }) => told),
    ['connected', 'connected', 'connected'],
  )
  limit(1)
  t.equal(bed.open(), 3)
  const next = bed.caller().ask()
  for (const { streams } of [...bed.server.connections]) {
    t.equal(next.told, 'waits')
    streams[0]?.respond(200)
    bed.clock.advance(0)
  }
  t.equal(next.told, 'connected')
  t.equal(bed.open(), 1)
})

t.test('10,000 callers that come and go leave nothing, however they do', async (t) => {
  const bed = start(100)
  const endpoint = bed.endpointAt(PORT)
  const random = seeded(1)
  const here: ReturnType<typeof bed.caller>[] = []
  for (let i = 0; i < 10_000; i++) {
    const caller = bed.caller(random() < 0.2)
    caller.ask(PORT, false)
    here.push(caller)
    if (random() < 0.5) bed.server.streams.at(-1)?.respond(200)
    // Some with a request that runs, some while they wait for a connection.
    if (here.length > 150) here.splice(Math.floor(random() * here.length), 1)[0]?.own.destroy()
    if (bed.open() > 100) t.fail(`${bed.open()} connections`)
    bed.server.connections.splice(
      0,
      bed.server.connections.findIndex(({ closed }) => !closed),
    )
  }
  t.ok(endpoint.connections > 0 && endpoint.connections <= 100, `${endpoint.connections} at the end`)
  for (const { own } of here) own.destroy()
  t.equal(endpoint.connections, 0)
  t.equal(bed.open(), 0)
  t.ok(endpoint.idle)
  t.equal(bed.clock.pending, 0)
  const all = Array.from({ length: 100 }, () => bed.caller().ask())
  t.ok(
    all.every(({ told }) => told === 'connected'),
    'the room is whole',
  )
})

t.test('a caller that stays forgets endpoints that have gone, and what runs there finishes', async (t) => {
  const bed = start(10)
  const { own, ask } = bed.caller()
  const running = ask()
  const [connection] = bed.server.connections
  for (let i = 1; i <= 1000; i++) {
    bed.configure({}, [PORT + i])
    if (ask(PORT + i).told !== 'connected') t.fail('not connected')
    if (own.endpoints > 1) return t.fail(`${own.endpoints} endpoints are held`)
  }
  t.equal(connection?.closed, false)
  connection?.streams[0]?.respond(200)
  t.ok(running.response.ended)
  t.equal(connection?.closed, true, 'nothing more comes there')
  // The same address once more is another endpoint.
  bed.configure({}, [PORT, PORT + 1000])
  t.equal(ask().told, 'connected')
  t.equal(own.endpoints, 2)
  own.destroy()
  t.same([own.endpoints, bed.open()], [0, 0])
})
