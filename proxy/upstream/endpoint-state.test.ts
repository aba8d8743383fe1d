import t from 'tap'
import type { Cluster, Endpoint } from '../model/cluster.ts'
import { CLUSTER, endpointAt } from '../testing/static-configuration.ts'
import type { ConnectFailure, Connected } from './connector.ts'
import { EndpointState } from './endpoint-state.ts'
import { FakeUpstream } from './testing/fake-upstream.ts'
import { identityOf, meshTls } from './testing/mesh-tls.ts'
import { RecordingWaiter } from './testing/recording-waiter.ts'

const PORT = 8080

/** One endpoint, its server, and how its cluster changes. */
function start(change: Partial<Cluster> = {}, endpoint: Partial<Endpoint> = {}, self = false) {
  const upstream = new FakeUpstream()
  let cluster: Cluster = { ...CLUSTER, name: 'app', ...change }
  const state = new EndpointState(endpointAt(PORT, endpoint), cluster, upstream.deps, self, () => {})
  return {
    clock: upstream.clock,
    server: upstream.server(PORT),
    state,
    request: (http2 = false): RecordingWaiter => RecordingWaiter.at(state.pool(http2)),
    /** A new object, as every change of the configuration is one. */
    change(next: Partial<Cluster>): void {
      cluster = { ...structuredClone(cluster), ...next }
      state.configure(endpointAt(PORT, endpoint), cluster)
    },
  }
}

t.test('what a change says again as it was keeps every connection', async (t) => {
  const { clock, server, state, request, change } = start(
    { tls: meshTls(['a']) },
    { identity: identityOf('a') },
  )
  server.alpn = 'http/1.1'
  request()
  clock.advance(0)
  server.stream.respond(200)
  const waiting = [request(), request()]
  change({})
  t.equal(waiting[0]?.told, 'connected')
  clock.advance(0)
  t.equal(waiting[1]?.told, 'connected')
  t.equal(server.targets.length, 2)
  t.equal(state.connections, 2)
  t.ok(server.connections.every(({ closed }) => !closed))
})

t.test('other limits and other keepalive are for new connections, and no request is lost', async (t) => {
  const { clock, server, request, change } = start({ tls: meshTls(['a']) }, { identity: identityOf('a') })
  server.alpn = 'weft-h2'
  const others: Partial<Cluster>[] = [
    { headLimits: { maxBytes: 100_000, maxFields: 500 } },
    { keepAlive: { intervalMs: 30_000, timeoutMs: 5000 } },
    { tcpKeepAlive: { idleMs: 60_000, intervalMs: 1000, probes: 10 } },
  ]
  for (const [i, other] of others.entries()) {
    const running = request()
    clock.advance(0)
    change(other)
    const next = request()
    clock.advance(0)
    t.equal(server.connections.length, i + 2, Object.keys(other).join())
    t.equal(next.connection?.codec, server.connections.at(-1))
    t.equal(
      server.connections.at(-2)?.streams.some(({ over }) => over),
      false,
      'what runs goes on',
    )
    t.equal(running.told, 'connected')
  }
})

t.test('an identity that joins keeps warm connections, one that leaves drains those to it', async (t) => {
  const { clock, server, state, request, change } = start({ tls: meshTls(['a']) })
  server.alpn = 'weft-h2'
  server.identity = identityOf('a')
  request()
  clock.advance(0)
  change({ tls: meshTls(['a', 'b']) })
  t.equal(server.connections[0]?.closed, false)
  t.equal(request().connection?.codec, server.connections[0])
  t.equal(server.targets.length, 1)
  server.identity = identityOf('b')
  change({ tls: meshTls(['b']) })
  t.equal(server.connections[0]?.closed, true)
  t.equal(server.connections[0]?.active, 2, 'what runs there finishes')
  const next = request()
  clock.advance(0)
  t.equal(next.connection?.identity, identityOf('b'))
  t.same(server.targets[1]?.tls, meshTls(['b']))
  t.equal(state.connections, 1)
})

t.test('a connection under way when an identity joins is made to the new names', async (t) => {
  const { clock, server, request, change } = start({ tls: meshTls(['a']) })
  server.alpn = 'weft-h2'
  server.identity = identityOf('b')
  server.connectMs = 10
  const waiting = request()
  clock.advance(9)
  change({ tls: meshTls(['a', 'b']) })
  clock.advance(10)
  t.equal(waiting.told, 'waits', 'what failed by the names of before is tried again')
  clock.advance(1)
  t.equal(waiting.told, 'connected')
  t.equal(server.targets.length, 2)
  t.equal(clock.pending, 0)
})

t.test('a connection under way when another identity joins is not made twice', async (t) => {
  const { clock, server, request, change } = start({ tls: meshTls(['a']) })
  server.alpn = 'weft-h2'
  server.identity = identityOf('a')
  const waiting = request()
  change({ tls: meshTls(['a', 'b']) })
  clock.advance(0)
  t.equal(waiting.told, 'connected')
  t.equal(server.targets.length, 1)
})

t.test(
  'other TLS: connections of before finish, new ones are made, and who waits is carried over',
  async (t) => {
    const { clock, server, state, request, change } = start({ tls: meshTls(['a'], { alpn: ['http/1.1'] }) })
    server.alpn = 'http/1.1'
    server.identity = identityOf('a')
    const running = request()
    clock.advance(0)
    const waiting = request()
    server.alpn = 'weft-h2'
    change({ tls: meshTls(['a'], { alpn: ['weft-h2'] }) })
    t.equal(waiting.told, 'waits')
    const next = request()
    clock.advance(0)
    t.same([waiting.told, next.told], ['connected', 'connected'])
    t.equal(server.connections.length, 2, 'both on one, as HTTP/2 has it')
    t.equal(server.connections[1]?.protocol, 'h2')
    server.connections[0]?.streams[0]?.respond(200)
    t.ok(running.response.ended)
    t.equal(server.connections[0]?.closed, true)
    t.equal(state.connections, 1)
    change({ tls: undefined })
    t.ok(
      server.connections.every(({ closed }) => closed),
      'and to plaintext likewise',
    )
  },
)

t.test(
  'another protocol in plaintext carries over what waits, and keeps the pool that is still of use',
  async (t) => {
    const { clock, server, request, change } = start({ http: 'downstream' })
    const both = [request(false), request(true)]
    clock.advance(0)
    for (const stream of server.streams) stream.respond(200)
    server.connectMs = 5
    const [busy, waiting] = [request(false), request(false)]
    t.same([busy.told, waiting.told], ['connected', 'waits'])
    change({ http: 'http2' })
    t.equal(waiting.told, 'connected', 'at once: the HTTP/2 connection has room')
    t.equal(waiting.connection, both[1]?.connection)
    t.equal(request(false).connection, both[1]?.connection)
    server.stream.respond(200)
    busy.connection?.codec.destroy()
    change({ http: 'http1' })
    t.equal(server.connections.at(1)?.closed, true)
    t.equal(request(true).told, 'waits')
    clock.advance(5)
    t.equal(server.connections.at(-1)?.protocol, 'http/1.1')
    t.equal(clock.pending, 0)
  },
)

t.test('limits and timeouts are those of now for what comes, and of before for what is there', async (t) => {
  const { clock, server, state, request, change } = start({
    limits: { maxConnections: 1, maxPendingRequests: 1, maxRequests: 1 },
  })
  const running = request()
  clock.advance(0)
  const waiting = request()
  t.equal(request().told, 'overflow')
  change({
    limits: { maxConnections: 2, maxPendingRequests: 9, maxRequests: 9 },
    idleTimeoutMs: 1234,
    connectTimeoutMs: 70,
  })
  clock.advance(0)
  t.equal(waiting.told, 'connected')
  t.same(
    server.connections.map(({ idleTimeoutMs }) => idleTimeoutMs),
    [4000, 1234],
  )
  t.equal(request().told, 'waits')
  server.connections[0]?.lose()
  t.equal(running.response.reset, 'connection')
  t.equal(server.targets.at(-1)?.timeoutMs, 70)
  t.equal(state.connections, 1)
})

t.test(
  'a server that takes no connection is given up after the connect timeout, to the millisecond',
  async (t) => {
    const { clock, server, request } = start({ connectTimeoutMs: 2000 })
    server.connect = 'hang'
    const waiting = request()
    clock.advance(1999)
    t.equal(waiting.told, 'waits')
    clock.advance(1)
    t.match(waiting.failure, { reason: 'connect', details: 'upstream_connect_timeout' })
    clock.advance(10_000)
    t.equal(clock.pending, 0, 'its silence is forgotten, too')
  },
)

t.test(
  'an endpoint that goes tells who waits and who comes, in pools that were there and that were not',
  async (t) => {
    const { clock, server, state, request } = start()
    const running = request()
    clock.advance(0)
    server.connectMs = 50
    const waiting = request()
    state.close()
    t.equal(state.health.standing, 'avoid')
    t.same(state.health.objections, ['removed'])
    t.equal(waiting.told, 'removed')
    t.equal(request(false).told, 'removed')
    t.equal(request(true).told, 'removed', 'the pool is made now')
    t.equal(server.targets.length, 2, 'nothing was opened')
    server.stream.respond(200)
    t.ok(running.response.ended)
    t.equal(server.connections[0]?.closed, true)
    t.equal(clock.pending, 0)
  },
)

t.test('an opaque connection is made at once, or told that the endpoint has gone', async (t) => {
  const { clock, server, state } = start({ tls: meshTls([]) })
  const told: string[] = []
  const done = (connected: Connected | undefined, failure: ConnectFailure | undefined): void =>
    void told.push(connected ? 'connected' : (failure?.reason ?? ''))
  state.connect(done)
  t.same(told, [])
  clock.advance(0)
  t.same(told, ['connected'])
  t.equal(server.targets[0]?.purpose, 'tcp')
  server.connect = 'refuse'
  state.connect(done)
  clock.advance(0)
  t.same(told, ['connected', 'connect'])
  server.connect = 'hang'
  state.connect(done).cancel()
  state.connect(done)
  state.close()
  t.same(told.slice(2), ['removed'])
  state.connect(done)
  t.same(told.slice(3), [], 'never within the call')
  clock.advance(0)
  t.same(told.slice(3), ['removed'])
  t.equal(clock.pending, 0)
})

t.test('renewed certificates: connections of before finish, the next is new', async (t) => {
  const { clock, server, state, request } = start()
  request()
  clock.advance(0)
  server.stream.respond(200)
  state.renew()
  t.equal(server.connections[0]?.closed, true)
  t.equal(request().told, 'waits')
  clock.advance(0)
  state.destroy()
  t.ok(server.connections.every(({ destroyed, closed }) => destroyed || closed))
  t.equal(state.connections, 0)
})

t.test('whether anything runs or waits here', async (t) => {
  const { clock, server, state, request } = start()
  t.ok(state.idle)
  request()
  t.notOk(state.idle, 'a connection is under way')
  clock.advance(0)
  t.notOk(state.idle)
  server.stream.respond(200)
  t.ok(state.idle)
  state.active++
  t.notOk(state.idle)
})

t.test('this very pod is spoken to in plaintext', async (t) => {
  const { clock, server, state, request, change } = start({ tls: meshTls(['a']) }, {}, true)
  request()
  clock.advance(0)
  t.equal(state.tls, undefined)
  t.equal(server.targets[0]?.tls, undefined)
  change({ tls: meshTls(['b'], { alpn: [] }) })
  t.equal(state.tls, undefined)
  t.equal(server.connections[0]?.closed, false)
})

t.test('HTTP/2 over TLS without ALPN is what the cluster says, and so is the idle time', async (t) => {
  const idle = { idleTimeoutMs: 1, idleTimeoutHttp2Ms: 2 }
  const table: readonly (readonly [Cluster['http'], readonly string[], string, boolean, string, number])[] = [
    // What the cluster says, its ALPN, what was agreed on, whether the request is HTTP/2; what is spoken.
    ['http2', [], '', false, 'h2', 2],
    ['http2', ['h2'], '', false, 'h2', 2],
    ['http2', ['h2', 'http/1.1'], 'http/1.1', false, 'http/1.1', 1],
    ['downstream', [], '', true, 'h2', 2],
    ['downstream', [], '', false, 'http/1.1', 1],
    ['http1', [], '', true, 'http/1.1', 1],
    ['http1', ['h2', 'http/1.1'], '', true, 'http/1.1', 1],
  ]
  for (const [http, alpn, agreed, http2, spoken, idleMs] of table) {
    const { clock, server, request } = start({ http, tls: meshTls(['a'], { alpn: [...alpn] }), ...idle })
    server.alpn = agreed
    server.identity = identityOf('a')
    request(http2)
    clock.advance(0)
    const name = `${http} ${alpn.join()} -> ${agreed}, ${http2 ? 'HTTP/2' : 'HTTP/1.1'}`
    t.equal(server.connections[0]?.protocol, spoken, name)
    t.equal(server.connections[0]?.idleTimeoutMs, idleMs, name)
  }
})

t.test(
  'this very pod is told by the PROXY protocol who calls, as the others are by its inbound side',
  async (t) => {
    const ownProxyProtocol = new Map([[PORT, 'v1'] as const])
    for (const [self, expected] of [
      [true, 'PROXY UNKNOWN\r\n'],
      [false, undefined],
    ] as const) {
      const upstream = new FakeUpstream({ ownProxyProtocol })
      const state = new EndpointState(
        endpointAt(PORT),
        { ...CLUSTER, name: 'app' },
        upstream.deps,
        self,
        () => {},
      )
      state.connect(() => {})
      upstream.clock.advance(0)
      t.equal(upstream.server(PORT).targets[0]?.header?.toString(), expected)
      t.equal(state.proxyProtocol, self ? 'v1' : undefined)
    }
  },
)
