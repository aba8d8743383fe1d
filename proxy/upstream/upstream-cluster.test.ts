import t from 'tap'
import type { Cluster, EndpointAssignment } from '../model/cluster.ts'
import { balancedBy, CLUSTER, endpointAt, LEAST_REQUEST } from '../testing/static-configuration.ts'
import type { ConnectFailure } from './connector.ts'
import type { EndpointState } from './endpoint-state.ts'
import type { PooledConnection } from './http-pool.ts'
import { FakeUpstream } from './testing/fake-upstream.ts'
import { identityOf, meshTls } from './testing/mesh-tls.ts'
import { pickablePorts } from './testing/pickable-ports.ts'
import { RecordingWaiter } from './testing/recording-waiter.ts'
import { UpstreamCluster } from './upstream-cluster.ts'

/** The cluster `app`, of which nothing is known yet. */
function start(...options: ConstructorParameters<typeof FakeUpstream>) {
  const upstream = new FakeUpstream(...options)
  const cluster = new UpstreamCluster('app', upstream.deps)
  const picked = (): number | undefined => cluster.pick(undefined, undefined)?.endpoint.port
  return {
    upstream,
    clock: upstream.clock,
    configuration: upstream.configuration,
    cluster,
    set: (ports: readonly number[], change: Partial<Cluster> = {}) =>
      upstream.configuration.setCluster('app', ports, change),
    configure: (change: Partial<Cluster>) =>
      upstream.configuration.cluster('app').set({ ...CLUSTER, name: 'app', ...change }),
    picked,
    pickable: () => pickablePorts(cluster),
    request: (): RecordingWaiter => {
      const state = cluster.pick(undefined, undefined)
      if (!state) throw new Error('nothing to pick')
      return RecordingWaiter.at(state.pool(false))
    },
  }
}

/** Whether the cluster has these very endpoints, and not others that are like them. */
function areThese(cluster: UpstreamCluster, ...states: (EndpointState | undefined)[]): boolean {
  const has = [...cluster.states.values()]
  return has.length === states.length && has.every((state, i) => state === states[i])
}

function assignment(...ports: number[]): EndpointAssignment {
  return { clusterName: 'app', endpoints: ports.map((port) => endpointAt(port)) }
}

const staticAt = (...ports: number[]): Partial<Cluster> => ({
  discovery: { kind: 'static', endpoints: ports.map((port) => endpointAt(port)) },
})
const eds = (serviceName: string): Partial<Cluster> => ({ discovery: { kind: 'eds', serviceName } })
const ORIGINAL_DST: Partial<Cluster> = { discovery: { kind: 'original-dst' } }

t.test(
  'a changed cluster keeps endpoints, connections, health and the count of its retry budget',
  async (t) => {
    const { clock, upstream, cluster, set, request } = start()
    set([1, 2], { retryBudget: { percent: 50, minPerSecond: 0 } })
    const budget = cluster.budget
    for (let i = 0; i < 10; i++) budget.request(clock.now())
    for (let i = 0; i < 5; i++) t.ok(budget.tryRetry())
    const states = [...cluster.states.values()]
    request()
    clock.advance(0)
    set([1, 2, 3], {
      balancing: balancedBy({ kind: 'random' }),
      retryBudget: { percent: 60, minPerSecond: 0 },
      service: 'other',
    })
    t.ok(areThese(cluster, states[0], states[1], [...cluster.states.values()][2]))
    t.equal(upstream.server(2).connections[0]?.closed, false)
    t.equal(cluster.budget, budget)
    t.ok(budget.tryRetry(), 'a sixth of the ten')
    t.notOk(budget.tryRetry(), 'and no more: what was counted before the change counts')
    t.equal(cluster.states.size, 3)
    set([2])
    t.ok(areThese(cluster, states[1]))
  },
)

t.test(
  'a rollout to another service account keeps warm connections in whatever order its parts come',
  async (t) => {
    const { clock, upstream, cluster, configuration, pickable } = start()
    const at = (port: number, account: string) => endpointAt(port, { identity: identityOf(account) })
    const names = (...accounts: string[]): void =>
      configuration.cluster('app').set({ ...CLUSTER, name: 'app', ...eds('app'), tls: meshTls(accounts) })
    const endpoints = (...list: ReturnType<typeof at>[]): void =>
      configuration.endpoints('app').set({ clusterName: 'app', endpoints: list })
    const warm = (port: number): void => {
      const state = [...cluster.states.values()].find(({ endpoint }) => endpoint.port === port)
      if (state) RecordingWaiter.at(state.pool(false))
      clock.advance(0)
      upstream.server(port).stream.respond(200)
    }
    for (const port of [1, 2]) upstream.server(port).alpn = 'weft-h2'
    endpoints(at(1, 'old'))
    names('old')
    warm(1)
    endpoints(at(1, 'old'), at(2, 'new'))
    t.same(pickable(), [1], 'not before its identity is allowed')
    names('new', 'old')
    t.same(pickable(), [1, 2])
    warm(2)
    names('new')
    t.same(pickable(), [2], 'not after its identity was taken away')
    t.equal(upstream.server(1).connections[0]?.closed, true)
    endpoints(at(2, 'new'))
    t.equal(upstream.server(2).connections[0]?.closed, false)
    t.same(
      [1, 2].map((port) => upstream.server(port).targets.length),
      [1, 1],
    )
    endpoints(at(2, 'other'))
    t.equal(upstream.server(2).connections[0]?.closed, true, 'a reused address inherits nothing')
    t.same(pickable(), [2], 'the last resort, so that the handshake says why')
  },
)

t.test('who is told that an endpoint has gone finds a picker without it', async (t) => {
  const { clock, upstream, cluster, set } = start()
  set([1])
  const old = cluster.pick(undefined, undefined)
  const found: (number | undefined)[] = []
  old?.pool(false).acquire({
    onConnection(_connection: PooledConnection) {
      t.fail('it had none')
    },
    onConnectFailure({ reason }: ConnectFailure) {
      t.equal(reason, 'removed')
      found.push(cluster.pick(undefined, undefined)?.endpoint.port)
    },
  })
  set([2])
  t.same(found, [2])
  t.equal(old?.health.standing, 'avoid')
  t.equal(upstream.server(2).targets.length, 0)
  t.equal(clock.pending, 0)
})

t.test('whatever closes an endpoint, it is not picked any more', async (t) => {
  const { cluster, set, pickable } = start()
  set([1, 2, 3])
  ;[...cluster.states.values()][1]?.close()
  t.same(pickable(), [1, 3])
  for (const state of cluster.states.values()) state.close()
  t.same(pickable(), [])
})

t.test('health by configuration replaces the picker, not the endpoint', async (t) => {
  const { cluster, configuration, set, pickable } = start()
  set([1, 2])
  const states = [...cluster.states.values()]
  configuration
    .endpoints('app')
    .set({ clusterName: 'app', endpoints: [endpointAt(1, { health: 'draining' }), endpointAt(2)] })
  t.same(pickable(), [2])
  configuration
    .endpoints('app')
    .set({ clusterName: 'app', endpoints: [endpointAt(1, { health: 'draining' })] })
  t.same(pickable(), [1])
  configuration.endpoints('app').set({ clusterName: 'app', endpoints: [endpointAt(1, { weight: 7 })] })
  t.same(pickable(), [1])
  t.ok(areThese(cluster, states[0]))
  t.equal(states[0]?.endpoint.weight, 7)
})

t.test('waiting for what is not known yet, to the millisecond', async (t) => {
  const { clock, cluster, configuration, set, configure } = start()
  const told: string[] = []
  cluster.whenReady(100, () => told.push('first'))
  cluster.whenReady(200, () => told.push('second'))
  cluster.whenReady(200, () => told.push('cancelled'))()
  configure(eds('a'))
  t.same(told, [], 'the cluster, but not its endpoints')
  clock.advance(99)
  configure({ ...eds('b'), connectTimeoutMs: 1 })
  t.same(told, [], 'a change is no reason to give up')
  clock.advance(1)
  t.same(told, ['first'], 'time is')
  configuration.endpoints('b').set(assignment(1))
  t.same(told, ['first', 'second'])
  t.equal(clock.pending, 0)
  cluster.whenReady(100, () => told.push('at once'))
  t.equal(told.length, 3)
  configuration.cluster('app').set(undefined)
  t.ok(cluster.ready, 'the last good state serves on')
  set([2])
  t.equal(clock.pending, 0)
})

t.test('what does not exist is known, and what comes back is as new', async (t) => {
  const { clock, upstream, cluster, configuration, set, request, picked } = start()
  let ready = 0
  cluster.whenReady(100, () => ready++)
  configuration.cluster('app').set(null)
  t.same([ready, cluster.ready, cluster.config, picked()], [1, true, null, undefined])
  set([1])
  upstream.server(1).connect = 'hang'
  const waiting = request()
  for (let i = 0; i < 3; i++) {
    configuration.cluster('app').set(null)
    t.equal(cluster.states.size, 0)
    t.equal(configuration.endpoints('app').watchers, 0)
    set([1])
    t.equal(configuration.endpoints('app').watchers, 1)
  }
  t.equal(waiting.told, 'removed')
  t.equal(picked(), 1)
  cluster.close()
  t.equal(configuration.cluster('app').watchers, 0)
  t.equal(configuration.endpoints('app').watchers, 0)
  t.equal(clock.pending, 0)
})

t.test('another source of endpoints: those of before serve until it has told', async (t) => {
  const { clock, upstream, cluster, configuration, configure, request, pickable } = start()
  const watchers = (): number[] => ['a', 'b'].map((name) => configuration.endpoints(name).watchers)
  configure(staticAt(1, 2))
  request()
  clock.advance(0)
  configure(eds('a'))
  t.same(pickable(), [1, 2])
  t.same(watchers(), [1, 0])
  configure({ ...eds('a'), balancing: balancedBy({ kind: 'random' }) })
  t.same(pickable(), [1, 2], 'as they were')
  configure(eds('b'))
  t.same(watchers(), [0, 1])
  configuration.endpoints('a').set(assignment(9))
  t.same(pickable(), [1, 2], 'nobody listens to it any more')
  configuration.endpoints('b').set(assignment(2, 3))
  t.same(pickable(), [2, 3])
  t.equal(upstream.server(2).connections[0]?.closed, false, 'the connection is as good as before')
  configuration.endpoints('b').set(null)
  t.same(pickable(), [])
  t.ok(cluster.ready)
  configure(staticAt(4))
  t.same(pickable(), [4])
  t.same(watchers(), [0, 0])
  t.equal(clock.pending, 0)
})

t.test('names are resolved again every 30 s, through changes that leave them, and not after', async (t) => {
  const asked: string[] = []
  let addresses: readonly string[] | undefined
  const { clock, cluster, configure } = start({
    lookup: (name, done) => {
      asked.push(name)
      done(addresses)
    },
  })
  const dns = { discovery: { kind: 'dns', endpoints: [{ ...endpointAt(80), address: 'app.test' }] } } as const
  const found = (): string[] => [...cluster.states.values()].map(({ address }) => address)
  addresses = ['10.0.0.2', '10.0.0.1']
  configure(dns)
  t.same(found(), ['10.0.0.1:80', '10.0.0.2:80'])
  const [first] = cluster.states.values()
  clock.advance(20_000)
  configure({ ...structuredClone(dns), balancing: balancedBy({ kind: 'random' }) })
  t.equal(asked.length, 1, 'the same names: no reason to ask anew')
  addresses = ['10.0.0.1', '10.0.0.3']
  clock.advance(9_999)
  t.equal(asked.length, 1)
  clock.advance(1)
  t.same(found(), ['10.0.0.1:80', '10.0.0.3:80'])
  t.equal(cluster.states.values().next().value, first)
  configure(staticAt(1))
  clock.advance(60_000)
  t.equal(asked.length, 2)
  t.equal(clock.pending, 0)
})

t.test('original destinations: one endpoint each, kept while in use', async (t) => {
  const { clock, upstream, cluster, configure } = start()
  configure(eds('a'))
  let ready: boolean | undefined
  cluster.whenReady(1000, () => (ready = cluster.ready))
  configure(ORIGINAL_DST)
  t.equal(ready, true)
  t.equal(cluster.pick(undefined, undefined), undefined)
  const a = { host: '10.0.0.1', port: 80 }
  const state = cluster.pick(a, undefined)
  t.equal(cluster.pick(a, undefined), state)
  const unused = cluster.pick({ host: '10.0.0.2', port: 80 }, undefined)
  if (state) RecordingWaiter.at(state.pool(false))
  clock.advance(0)
  configure({ ...ORIGINAL_DST, connectTimeoutMs: 7 })
  t.equal(cluster.pick(a, undefined), state)
  state?.connect(() => {}).cancel()
  t.same(
    upstream.server('10.0.0.1:80').targets.map(({ timeoutMs }) => timeoutMs),
    [2000, 7],
  )
  clock.advance(59_999)
  t.equal(cluster.states.size, 2)
  clock.advance(1)
  t.ok(areThese(cluster, state))
  t.equal(unused?.health.standing, 'avoid')
  upstream.server('10.0.0.1:80').stream.respond(200)
  clock.advance(60_000)
  t.equal(cluster.states.size, 1, 'its connection is warm')
  upstream.server('10.0.0.1:80').connections[0]?.lose()
  clock.advance(60_000)
  t.equal(cluster.states.size, 0)
  const last = cluster.pick(a, undefined)
  configure(eds('a'))
  t.equal(last?.health.standing, 'avoid')
  t.notOk(cluster.ready, 'a destination is no endpoint of another source')
  configure(ORIGINAL_DST)
  cluster.close()
  t.equal(cluster.pick(a, undefined), undefined)
  t.equal(clock.pending, 0)
})

t.test('renewed certificates replace connections of TLS and leave those in plaintext', async (t) => {
  const { clock, upstream, cluster, configure } = start()
  configure({
    ...staticAt(),
    discovery: {
      kind: 'static',
      endpoints: [endpointAt(1), endpointAt(2, { transportMatch: { tlsMode: 'weft' } })],
    },
    socketMatches: [{ name: 'weft', metadata: { tlsMode: 'weft' }, tls: meshTls([]) }],
  })
  for (const state of cluster.states.values()) RecordingWaiter.at(state.pool(false))
  clock.advance(0)
  for (const port of [1, 2]) upstream.server(port).stream.respond(200)
  cluster.renew()
  t.same(
    [1, 2].map((port) => upstream.server(port).connections[0]?.closed),
    [false, true],
  )
})

t.test('a closed cluster picks nothing, keeps nobody waiting and listens to nothing', async (t) => {
  const { clock, cluster, set, picked } = start()
  let told = 0
  cluster.whenReady(1000, () => told++)
  cluster.close()
  t.equal(told, 1)
  cluster.whenReady(1000, () => told++)
  t.equal(told, 2)
  t.equal(clock.pending, 0)
  set([1])
  t.equal(picked(), undefined)
  t.equal(cluster.states.size, 0)

  const other = start()
  other.set([1])
  const running = other.request()
  other.clock.advance(0)
  other.cluster.destroy()
  t.equal(running.response.reset, 'connection')
  t.equal(other.picked(), undefined)
  t.equal(other.clock.pending, 0)
})

t.test('slow start is for endpoints that come to a cluster in use, or come back', async (t) => {
  const { clock, cluster, set } = start()
  set([1, 2])
  const since = (port: number): number | undefined =>
    [...cluster.states.values()].find(({ endpoint }) => endpoint.port === port)?.inUseSince
  t.same([since(1), since(2)], [-Infinity, -Infinity], 'they were there before us')
  clock.advance(5000)
  set([1, 2, 3])
  t.same([since(1), since(3)], [-Infinity, clock.now()])
  const [first] = cluster.states.values()
  first?.health.signOfLife(false)
  clock.advance(3000)
  first?.health.signOfLife(true)
  t.equal(since(1), clock.now(), 'it was gone')
})

t.test('opaque connections are shared out by how many there are, requests are not', async (t) => {
  const { cluster, set } = start()
  set([1, 2], { balancing: LEAST_REQUEST })
  const [first, second] = [...cluster.states.values()] as [EndpointState, EndpointState]
  first.connectionOpened()
  t.equal(first.active, 1)
  t.equal(cluster.pick(undefined, undefined, undefined, 'connection'), second)
  t.equal(cluster.pick(undefined, undefined), first)
  first.connectionOver()
  t.equal(cluster.pick(undefined, undefined, undefined, 'connection'), first)
  t.equal(first.active, 0)
})
