import t from 'tap'
import { ALPN_LINK, PROTOCOL_HEADER } from '../../core/contract.ts'
import { field } from '../http/message.ts'
import type { ResetReason } from '../http/stream.ts'
import type { RetryPolicy } from '../model/route.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import { endpointAt, forwardTo, RETRY_503 } from '../testing/static-configuration.ts'
import { identityOf, meshTls } from '../upstream/testing/mesh-tls.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

const RETRY: RetryPolicy = { ...RETRY_503, retries: 2, backoffBaseMs: 100, backoffMaxMs: 100 }

/** One cluster, `app`, with servers at ports 1 to `servers`. */
function meshOf(servers: number, change: Parameters<typeof forwardTo>[1] = {}) {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }, change))
  const ports = Array.from({ length: servers }, (_, i) => i + 1)
  mesh.upstream.configuration.setCluster('app', ports)
  return Object.assign(mesh, { ports, server: mesh.upstream.server(1) })
}

/** What the only endpoint is told of tries. */
function observed(mesh: MemoryExchange): string[] {
  const state = mesh.upstream.clusters.get('app').pick(undefined, undefined) as EndpointState
  const outcomes: string[] = []
  state.observe = (outcome) => void outcomes.push(outcome)
  return outcomes
}

t.test('no timer outlives a request, however it ends', async (t) => {
  const retry = { ...RETRY, perTryTimeoutMs: 500 }
  const mesh = meshOf(1, { timeoutMs: 1000, retry })
  const left = mesh.send()
  mesh.clock.advance(0)
  t.equal(mesh.clock.pending, 2)
  left.leave()
  t.equal(mesh.clock.pending, 0, 'its caller left')
  mesh.send()
  mesh.clock.advance(0)
  mesh.server.stream.fail('protocol')
  t.equal(mesh.clock.pending, 2, 'a wait for the next try, and the deadline')
  mesh.clock.advance(50)
  mesh.server.stream.respond(200)
  t.equal(mesh.clock.pending, 0, 'its second try was answered')
  const waits = mesh.send()
  mesh.clock.advance(0)
  mesh.server.stream.fail('protocol')
  waits.leave()
  t.equal(mesh.clock.pending, 0, 'it waited for its next try')
  mesh.clock.advance(1000)
  t.equal(mesh.server.streams.length, 4, 'which does not come')
  const hanging = meshOf(1, { timeoutMs: 1000 })
  hanging.server.connect = 'hang'
  hanging.send()
  hanging.clock.advance(1000)
  t.same(hanging.told, ['UT response_timeout'])
  for (const { leftovers } of [mesh, hanging]) t.same(leftovers, NOTHING_LEFT)
})

t.test('who leaves while the cluster is looked for leaves nothing there', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }, { timeoutMs: 1000 }))
  const left = mesh.send()
  left.leave()
  t.equal(mesh.clock.pending, 0)
  mesh.upstream.configuration.setCluster('app', [1])
  mesh.clock.advance(1000)
  t.same(mesh.upstream.server(1).targets, [])
  const timed = mesh.send()
  timed.leave()
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('an answer that is turned away is read to its end, within bounds of time and size', async (t) => {
  type Stream = ReturnType<typeof meshOf>['server']['stream']
  const cases: readonly (readonly [
    string,
    boolean,
    (stream: Stream, advance: (ms: number) => void) => void,
  ])[] = [
    ['whole', true, (stream) => stream.sendEnd()],
    ['just small enough', true, (stream) => (stream.sendData('x'.repeat(64 * 1024)), stream.sendEnd())],
    ['too large', false, (stream) => stream.sendData('x'.repeat(64 * 1024 + 1))],
    ['too large in parts', false, (stream) => [1, 2].forEach(() => stream.sendData('x'.repeat(40_000)))],
    ['just in time', true, (stream, advance) => (advance(999), stream.sendEnd())],
    ['too slow', false, (_stream, advance) => advance(1000)],
    ['broken', false, (stream) => stream.fail('connection')],
  ]
  for (const [name, kept, rest] of cases) {
    const mesh = meshOf(1, { retry: { ...RETRY, backoffBaseMs: 10_000, backoffMaxMs: 10_000 } })
    mesh.send()
    mesh.clock.advance(0)
    const { stream } = mesh.server
    stream.sendHead(503)
    t.equal(mesh.clock.pending, 2, 'its end and the next try are waited for')
    rest(stream, (ms) => mesh.clock.advance(ms))
    t.equal(mesh.server.connections[0]?.closed, !kept, name)
    t.equal(mesh.clock.pending, 1, name)
    mesh.clock.advance(5000)
    mesh.server.stream.respond(200)
    t.equal(mesh.server.connections.length, kept ? 1 : 2, name)
    t.equal(mesh.clock.pending, 0, name)
  }
})

t.test('a try that had no answer yet, or not the whole request, costs its connection', async (t) => {
  const mesh = meshOf(1, { retry: { ...RETRY, nonIdempotent: true } })
  const caller = mesh.send({ method: 'POST', open: true })
  mesh.clock.advance(0)
  const { stream } = mesh.server
  caller.say('a part')
  stream.sendHead(503)
  t.equal(stream.resetBy, 'cancel')
  mesh.clock.advance(50)
  t.equal(mesh.server.stream.body, 'a part')
})

t.test('the deadline is the nearer of the route and of the call, and may have passed before', async (t) => {
  for (const [timeoutMs, grpcTimeout, waitedMs, leftMs] of [
    [1000, '300m', 100, 200],
    [300, '1S', 100, 300],
    [0, '100m', 100, 0],
    // Longer than a timer takes: none.
    [2 ** 31, '', 0, Infinity],
    [0, '', 0, Infinity],
  ] as const) {
    const mesh = new MemoryExchange()
    mesh.hop = { ...mesh.hop, http2: true }
    mesh.upstream.configuration.setCluster('app', [1])
    const fields = ['content-type', 'application/grpc', ...(grpcTimeout ? ['grpc-timeout', grpcTimeout] : [])]
    const caller = mesh.send({ fields })
    mesh.clock.advance(waitedMs)
    mesh.setRoutes([forwardTo({ app: 1 }, { timeoutMs })])
    t.equal(caller.answer !== undefined, leftMs === 0, `${timeoutMs} ${grpcTimeout}`)
    mesh.clock.advance(0)
    if (leftMs === Infinity) t.equal(mesh.clock.pending, 0)
    else {
      mesh.clock.advance(Math.max(leftMs - 1, 0))
      t.equal(caller.answer !== undefined, leftMs === 0)
      mesh.clock.advance(1)
      t.same(mesh.told, ['UT response_timeout'])
    }
  }
})

t.test('so many requests to a cluster at once and not more, until one is over', async (t) => {
  const mesh = meshOf(1)
  mesh.upstream.configuration.setCluster('app', [1], {
    limits: { maxConnections: 9, maxPendingRequests: 9, maxRequests: 2 },
  })
  const callers = [1, 2, 3].map(() => mesh.send())
  t.same(
    callers.map(({ status }) => status),
    [undefined, undefined, 503],
  )
  t.same(mesh.told, ['UO upstream_overflow{requests}'])
  callers[0]?.leave()
  t.equal(mesh.send().status, undefined)
})

t.test('who leaves while a connection is waited for leaves the place to another', async (t) => {
  const mesh = meshOf(1)
  mesh.upstream.configuration.setCluster('app', [1], {
    limits: { maxConnections: 1, maxPendingRequests: 1, maxRequests: 9 },
  })
  mesh.send()
  mesh.clock.advance(0)
  const left = mesh.send()
  t.equal(mesh.send().status, 503)
  left.leave()
  const next = mesh.send()
  mesh.server.stream.respond(200)
  mesh.server.stream.respond(201)
  t.equal(next.status, 201)
  t.equal(mesh.server.streams.length, 2)
})

t.test('the next try goes where none was, and says where the last was', async (t) => {
  const mesh = meshOf(3, { retry: RETRY })
  mesh.upstream.configuration.endpoints('app').set({
    clusterName: 'app',
    endpoints: mesh.ports.map((port) => ({ ...endpointAt(port), workload: `app-${port}` })),
  })
  mesh.send()
  const order: number[] = []
  for (let i = 0; i < 3; i++) {
    mesh.clock.advance(100)
    const at = mesh.ports.filter((port) => mesh.upstream.server(port).streams.some(({ over }) => !over))
    order.push(...at)
    mesh.upstream.server(at[0] as number).stream.respond(503)
  }
  t.same(
    order.toSorted((a, b) => a - b),
    [1, 2, 3],
  )
  t.same(
    mesh.records.map(({ upstream, upstreamWorkload, attempts }) => [upstream, upstreamWorkload, attempts]),
    [[`127.0.0.1:${order[2]}`, `app-${order[2]}`, 3]],
  )
})

t.test('whose turn it would be does not matter to who was there already', async (t) => {
  const mesh = meshOf(2, { retry: RETRY })
  mesh.send()
  mesh.clock.advance(0)
  const at = (): number[] =>
    mesh.ports.filter((port) => mesh.upstream.server(port).streams.some(({ over }) => !over))
  const [first] = at() as [number]
  mesh.upstream.server(first).stream.respond(503)
  // Takes the turn of the other one.
  mesh.send()
  mesh.clock.advance(0)
  mesh.upstream.server(3 - first).stream.respond(200)
  mesh.clock.advance(50)
  t.same(at(), [3 - first])
})

t.test('an original destination is where it was addressed to', async (t) => {
  const mesh = meshOf(1)
  mesh.hop = { ...mesh.hop, original: { host: '10.0.0.7', port: 80 } }
  mesh.upstream.configuration.setCluster('app', [], { discovery: { kind: 'original-dst' } })
  mesh.send()
  mesh.clock.advance(0)
  t.equal(mesh.upstream.server('10.0.0.7:80').streams.length, 1)
})

t.test('a body and its trailers reach the server whole, also what came before the connection', async (t) => {
  const mesh = meshOf(1)
  mesh.hop = { ...mesh.hop, http2: true }
  const early = mesh.send({ method: 'POST', open: true })
  early.say('early')
  early.finish(['t', '1'])
  const bare = mesh.send({ method: 'POST', open: true })
  bare.finish(['t', '2'])
  const none = mesh.send({ method: 'POST', open: true })
  none.finish()
  const late = mesh.send({ method: 'POST', open: true })
  mesh.clock.advance(0)
  late.say('late')
  t.equal(mesh.server.stream.ended, false)
  late.finish(['t', '3'])
  t.same(
    mesh.server.streams.map(({ body, trailers, ended }) => [body, trailers, ended]),
    [
      ['early', ['t', '1'], true],
      ['', ['t', '2'], true],
      ['', undefined, true],
      ['late', ['t', '3'], true],
    ],
  )
})

t.test('what is too large to keep is held back until a server takes it, and is then not kept', async (t) => {
  const mesh = meshOf(1, { retry: RETRY })
  mesh.server.connectMs = 10
  const caller = mesh.send({ method: 'PUT', open: true })
  caller.say('x'.repeat(70_000))
  t.equal(caller.paused, true)
  mesh.clock.advance(10)
  t.same([mesh.server.stream.body.length, caller.paused], [70_000, false])
  t.equal(caller.exchange.body.bytes, 0)
  const answered = mesh.send({ method: 'PUT', open: true })
  mesh.clock.advance(10)
  answered.say('small')
  mesh.server.stream.sendHead(200)
  t.equal(answered.exchange.body.bytes, 0, 'nothing is repeated once an answer has begun')
  t.equal(answered.exchange.body.complete, false)
})

t.test('a broken answer is passed on as what broke it', async (t) => {
  const mesh = meshOf(1, { retry: RETRY })
  for (const reason of ['protocol', 'connection', 'refused'] as const) {
    const caller = mesh.send()
    mesh.clock.advance(0)
    mesh.server.stream.sendHead(200)
    mesh.server.stream.fail(reason)
    t.equal(caller.resetBy, reason)
  }
  t.equal(mesh.records[0]?.attempts, 1)
})

t.test('a gRPC status in a head that is all is repeated, one in trailers is not', async (t) => {
  const mesh = meshOf(1, { retry: { ...RETRY, grpcStatuses: [14] } })
  const unavailable = ['content-type', 'application/grpc', 'grpc-status', '14']
  mesh.send()
  mesh.clock.advance(0)
  mesh.server.stream.sendHead(200, unavailable, true)
  mesh.clock.advance(50)
  mesh.server.stream.sendHead(200, unavailable)
  mesh.server.stream.sendEnd()
  t.same(mesh.told, ['- via_upstream'])
  t.equal(mesh.server.streams.length, 2)
})

t.test('that tries are used up is told only of who had more than one', async (t) => {
  for (const [retries, flags] of [
    [0, 'UPE'],
    [1, 'URX,UPE'],
  ] as const) {
    const mesh = meshOf(1, { retry: { ...RETRY, retries } })
    mesh.server.onStream = (stream) => stream.fail('protocol')
    mesh.send()
    mesh.clock.advance(0)
    mesh.clock.advance(50)
    t.equal(mesh.told[0]?.split(' ')[0], flags)
  }
})

t.test(
  'a write that a server refused is refused to the sidecar before, and told to anybody else',
  async (t) => {
    for (const link of [true, false]) {
      const mesh = meshOf(1)
      mesh.hop = { ...mesh.hop, link, http2: true }
      const caller = mesh.send({ method: 'POST', fields: [PROTOCOL_HEADER, '2'] })
      mesh.clock.advance(0)
      mesh.server.stream.fail('refused')
      t.equal(caller.resetBy, link ? 'refused' : undefined)
      t.equal(caller.status, link ? undefined : 503)
      t.equal(mesh.records[0]?.status, 503)
    }
  },
)

t.test('what a GOAWAY left out is asked again without a rule; what was refused alone is not', async (t) => {
  for (const gone of [true, false]) {
    const mesh = meshOf(1)
    mesh.hop = { ...mesh.hop, http2: true }
    const caller = mesh.send({ method: 'POST' })
    mesh.clock.advance(0)
    const { stream } = mesh.server
    if (gone) stream.connection.goAway()
    stream.fail('refused')
    mesh.clock.advance(0)
    mesh.clock.advance(0)
    t.equal(mesh.server.streams.length, gone ? 2 : 1)
    t.equal(caller.status, gone ? undefined : 503)
  }
})

t.test(
  'connections that idled are trusted no more when one of them was closed under a request',
  async (t) => {
    const mesh = meshOf(1)
    mesh.send()
    mesh.send()
    mesh.clock.advance(0)
    for (const stream of mesh.server.streams) stream.respond(200)
    const caller = mesh.send()
    mesh.server.stream.connection.lose()
    mesh.clock.advance(0)
    mesh.clock.advance(0)
    t.equal(mesh.server.connections.length, 3)
    mesh.server.stream.connection.lose()
    mesh.clock.advance(0)
    t.equal(caller.status, 503, 'a new connection that breaks is a failure')
  },
)

t.test("this pod's application may close a connection twice, another's once", async (t) => {
  for (const [direction, tries] of [
    ['inbound', 3],
    ['outbound', 1],
  ] as const) {
    const mesh = meshOf(1)
    mesh.hop = { ...mesh.hop, direction }
    mesh.server.onStream = (stream) => stream.connection.lose()
    mesh.send()
    for (let i = 0; i < 10; i++) mesh.clock.advance(0)
    t.equal(mesh.server.streams.length, tries)
    t.same(mesh.leftovers, NOTHING_LEFT)
  }
})

t.test('an endpoint hears of tries that came to nothing', async (t) => {
  const outcomes: string[] = []
  const fails = (reason: ResetReason) => (mesh: ReturnType<typeof meshOf>) => mesh.server.stream.fail(reason)
  for (const end of [
    fails('refused'),
    fails('timeout'),
    fails('stalled'),
    fails('connection'),
    (mesh: ReturnType<typeof meshOf>) => mesh.clock.advance(100),
  ]) {
    const mesh = meshOf(1, { retry: { ...RETRY, retries: 0, perTryTimeoutMs: 100 } })
    mesh.hop = { ...mesh.hop, http2: true }
    const told = observed(mesh)
    mesh.send()
    mesh.clock.advance(0)
    end(mesh)
    outcomes.push(...told)
    t.equal(mesh.records.length, 1)
  }
  const refusing = meshOf(1)
  refusing.server.connect = 'refuse'
  const told = observed(refusing)
  refusing.send()
  refusing.clock.advance(0)
  t.same([...outcomes, ...told], ['refused', 'timeout', 'timeout', 'reset', 'timeout', 'connect-failure'])
})

t.test('a try that takes too long and is the last is told as that, and given up', async (t) => {
  const mesh = meshOf(1, { retry: { ...RETRY, retries: 0, perTryTimeoutMs: 100 } })
  const caller = mesh.send()
  mesh.clock.advance(0)
  const { stream } = mesh.server
  mesh.clock.advance(100)
  t.equal(caller.status, 504)
  t.equal(stream.resetBy, 'timeout')
  t.same(mesh.told, ['UT response_timeout{per try}'])
  const answering = mesh.send()
  mesh.clock.advance(0)
  mesh.server.stream.sendHead(200)
  mesh.clock.advance(1000)
  t.equal(answering.resetBy, undefined, 'a long answer is no failed try')
})

t.test('on the link the request says what it began as; nobody else is told', async (t) => {
  for (const [alpn, http2, said, direction] of [
    [ALPN_LINK, true, '2', 'outbound'],
    [ALPN_LINK, false, undefined, 'outbound'],
    ['h2', true, undefined, 'outbound'],
    ['h2', true, undefined, 'inbound'],
  ] as const) {
    const mesh = meshOf(1)
    mesh.upstream.configuration.setCluster('app', [1], { tls: meshTls(['a']) })
    mesh.hop = { ...mesh.hop, http2, direction, localIdentity: 'own' }
    mesh.server.identity = identityOf('a')
    mesh.server.alpn = alpn
    mesh.send({ fields: [PROTOCOL_HEADER, '9'] })
    mesh.clock.advance(0)
    t.equal(field(mesh.server.stream.head.fields, PROTOCOL_HEADER), said)
    mesh.server.stream.respond(200)
    t.equal(mesh.records[0]?.destinationIdentity, direction === 'outbound' ? identityOf('a') : 'own')
  }
})
