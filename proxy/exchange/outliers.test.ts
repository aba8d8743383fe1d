import t from 'tap'
import { SHED_HEADER } from '../../core/contract.ts'
import { field, type Fields } from '../http/message.ts'
import type { Cluster } from '../model/cluster.ts'
import { endpointAt, forwardTo, RETRY_503 } from '../testing/static-configuration.ts'
import { BY_SHARE, IN_A_ROW } from '../testing/outlier-settings.ts'
import type { FakeStream } from '../upstream/testing/fake-connection.ts'
import { pickablePorts } from '../upstream/testing/pickable-ports.ts'
import { meshTls } from '../upstream/testing/mesh-tls.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

type Answer = (stream: FakeStream) => void
const OK: Answer = (stream) => stream.respond(200)
const FAILED: Answer = (stream) => stream.respond(500)
/** The end of a call of gRPC, in trailers. */
const call =
  (status: number): Answer =>
  (stream) => {
    stream.sendHead(200, ['content-type', 'application/grpc'])
    stream.sendEnd(['grpc-status', String(status)])
  }

/** Servers at ports 1 to `servers`, whose first answers as told. */
function meshOf(servers: number, answer: Answer, change: Partial<Cluster> = {}) {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  const ports = Array.from({ length: servers }, (_, i) => i + 1)
  mesh.upstream.configuration.setCluster('app', ports, { outliers: IN_A_ROW, ...change })
  for (const port of ports) mesh.upstream.server(port).onStream = port === 1 ? answer : OK
  const cluster = mesh.upstream.clusters.get('app')
  const stateAt = (port: number) => {
    const found = [...cluster.states.values()].find(({ endpoint }) => endpoint.port === port)
    if (!found) throw new Error(`no endpoint at port ${port}`)
    return found
  }
  return Object.assign(mesh, {
    cluster,
    stateAt,
    first: mesh.upstream.server(1),
    /** So many requests, one after the other. */
    ask(count: number, fields: Fields = []) {
      for (let i = 0; i < count; i++) {
        mesh.send({ fields })
        mesh.clock.advance(0)
      }
    },
    pickable: () => pickablePorts(cluster),
  })
}

t.test('five failures in a row eject an endpoint, of every kind that speaks against it', async (t) => {
  const kinds: Record<string, Answer> = {
    500: FAILED,
    503: (stream) => stream.respond(503, 'busy'),
    reset: (stream) => stream.fail('cancel'),
    closed: (stream) => stream.fail('connection'),
    'breaks off': (stream) => {
      stream.sendHead(200)
      stream.sendData('half')
      stream.fail('connection')
    },
    'broken protocol': (stream) => stream.fail('protocol'),
    refused: (stream) => stream.fail('refused'),
    'UNAVAILABLE at once': (stream) => stream.sendHead(200, ['grpc-status', '14'], true),
    UNAVAILABLE: call(14),
    INTERNAL: call(13),
    UNKNOWN: call(2),
    DATA_LOSS: call(15),
    DEADLINE_EXCEEDED: call(4),
  }
  for (const [name, answer] of Object.entries(kinds)) {
    // HTTP/1.1 has no word for it.
    const mesh = meshOf(3, answer, name === 'refused' ? { http: 'http2' } : {})
    mesh.ask(12)
    t.same(mesh.pickable(), [1, 2, 3], `${name}: four failures are not enough`)
    mesh.ask(3)
    t.same(mesh.pickable(), [2, 3], name)
    t.same(mesh.stateAt(1).health.objections, ['outlier'])
    mesh.ask(20)
    t.equal(mesh.first.streams.length, 5, `${name}: it gets no more`)
    t.same(mesh.leftovers, NOTHING_LEFT, name)
  }
})

t.test('what says nothing against an endpoint ejects none', async (t) => {
  const kinds: Record<string, Answer> = {
    404: (stream) => stream.respond(404),
    429: (stream) => stream.respond(429),
    NOT_FOUND: call(5),
    PERMISSION_DENIED: call(7),
    UNIMPLEMENTED: call(12),
    RESOURCE_EXHAUSTED: call(8),
    OK: call(0),
    upgrade: (stream) => {
      stream.sendHead(101)
      stream.fail('connection')
    },
  }
  for (const [name, answer] of Object.entries(kinds)) {
    const mesh = meshOf(3, answer)
    mesh.ask(60)
    t.same(mesh.pickable(), [1, 2, 3], name)
  }
  const limits = { maxConnections: 1, maxPendingRequests: 1000, maxRequests: 1000 }
  const waiting = meshOf(2, () => {}, { limits })
  waiting.setRoutes([forwardTo({ app: 1 }, { timeoutMs: 100 })])
  waiting.ask(20)
  waiting.clock.advance(100)
  t.same(waiting.pickable(), [1, 2], 'a limit of ours, which nine of ten wait for')
  const left = meshOf(2, () => {})
  for (let i = 0; i < 20; i++) {
    const caller = left.send()
    left.clock.advance(0)
    caller.leave()
  }
  t.same(left.pickable(), [1, 2], 'callers that leave')
})

t.test(
  'what a sidecar sheds says nothing against its endpoint, and nobody else may claim that',
  async (t) => {
    const outliers = { ...IN_A_ROW, statuses: [429] }
    const shed = [SHED_HEADER, '1']
    for (const [name, answer] of Object.entries<Answer>({
      '503': (stream) => stream.sendHead(503, [...shed], true),
      '429': (stream) => stream.sendHead(429, [...shed], true),
      gRPC: (stream) => stream.sendHead(200, ['grpc-status', '14', ...shed], true),
    })) {
      for (const [alpn, left] of [
        ['weft-h2', [1, 2, 3]],
        ['h2', [2, 3]],
      ] as const) {
        const mesh = meshOf(3, answer, { outliers, tls: meshTls([]) })
        for (const port of [1, 2, 3]) mesh.upstream.server(port).alpn = alpn
        mesh.ask(30)
        t.same(mesh.pickable(), left, `${name} over ${alpn}`)
        t.same(mesh.leftovers, NOTHING_LEFT)
      }
    }
  },
)

t.test('a sidecar tells the one before it, and nobody else, that it shed', async (t) => {
  for (const [link, said] of [
    [true, '1'],
    [false, undefined],
  ] as const) {
    const mesh = meshOf(1, (stream) => stream.sendHead(503, [SHED_HEADER, '1'], true))
    mesh.hop = { ...mesh.hop, direction: 'inbound', link }
    mesh.overloaded = true
    t.equal(field(mesh.send().answer?.fields ?? [], SHED_HEADER), said)
    mesh.overloaded = false
    const answered = mesh.send()
    mesh.clock.advance(0)
    t.equal(answered.status, 503)
    t.equal(field(answered.answer?.fields ?? [], SHED_HEADER), undefined, 'an application claims it')
  }
})

t.test('a success between failures begins the count anew', async (t) => {
  let asked = 0
  const mesh = meshOf(3, (stream) => stream.respond(++asked % 5 === 0 ? 200 : 500))
  mesh.ask(120)
  t.equal(asked, 40)
  t.same(mesh.pickable(), [1, 2, 3])
})

t.test('connections that fail and tries that run out of time are failures', async (t) => {
  const refusing = meshOf(3, OK)
  refusing.first.connect = 'refuse'
  refusing.ask(15)
  t.same(refusing.pickable(), [2, 3])
  const hanging = meshOf(3, () => {})
  hanging.setRoutes([forwardTo({ app: 1 }, { timeoutMs: 100 })])
  hanging.ask(15)
  hanging.clock.advance(100)
  t.same(hanging.pickable(), [2, 3])
})

t.test('many streams that end with one connection are not many failures', async (t) => {
  const mesh = meshOf(2, () => {}, { http: 'http2' })
  mesh.ask(20)
  t.equal(mesh.first.connections.length, 1)
  mesh.first.connections[0]?.lose()
  t.same(mesh.pickable(), [1, 2])
})

t.test('statuses beside 5xx count where the cluster says so', async (t) => {
  const outliers = { ...IN_A_ROW, statuses: [429], grpcStatuses: [8] }
  for (const [answer, ejected] of [
    [(stream: FakeStream) => stream.respond(429), true],
    [call(8), true],
    [call(14), false],
  ] as const) {
    const mesh = meshOf(3, answer, { outliers })
    mesh.ask(15)
    t.same(mesh.pickable(), ejected ? [2, 3] : [1, 2, 3])
  }
})

t.test('after its time one request decides, and no other goes there meanwhile', async (t) => {
  let answer: Answer = FAILED
  const mesh = meshOf(3, (stream) => answer(stream))
  mesh.ask(15)
  mesh.clock.advance(29_999)
  mesh.ask(10)
  t.equal(mesh.first.streams.length, 5)
  mesh.clock.advance(1)
  answer = () => {}
  mesh.ask(10)
  t.equal(mesh.first.streams.length, 6, 'one of ten')
  mesh.first.stream.respond(502)
  mesh.clock.advance(59_999)
  mesh.ask(10)
  t.equal(mesh.first.streams.length, 6, 'it failed: out for twice as long')
  mesh.clock.advance(1)
  mesh.ask(4)
  t.equal(mesh.first.streams.length, 7)
  t.same(mesh.pickable(), [2, 3])
  mesh.first.stream.respond(200)
  t.same(mesh.pickable(), [1, 2, 3], 'it went well')
  t.equal(mesh.cluster.outliers.ejected, 0)
  t.same(
    [...mesh.cluster.outliers.ejections],
    [
      ['consecutive-errors', 1],
      ['trial-failed', 1],
    ],
  )
})

t.test('ejections grow to the longest', async (t) => {
  const mesh = meshOf(2, FAILED)
  mesh.ask(10)
  const waits: number[] = []
  for (let i = 0; i < 11; i++) {
    const before = mesh.first.streams.length
    let waited = 0
    while (mesh.first.streams.length === before) {
      mesh.clock.advance(1000)
      waited++
      mesh.ask(1)
    }
    waits.push(waited)
  }
  t.same(waits, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300])
})

t.test('a request that decides and gives no answer leaves it to another', async (t) => {
  for (const [name, end, returned] of [
    [
      'its caller leaves',
      (mesh: ReturnType<typeof meshOf>, left: () => void) => (mesh.clock.now(), left()),
      false,
    ],
    ['no answer comes', (mesh: ReturnType<typeof meshOf>) => mesh.clock.advance(10_000), false],
    [
      'an answer that has begun well takes long',
      (mesh: ReturnType<typeof meshOf>) => {
        mesh.first.stream.sendHead(200)
        t.same(mesh.pickable(), [2])
        mesh.clock.advance(10_000)
      },
      true,
    ],
  ] as const) {
    let answer: Answer = FAILED
    const mesh = meshOf(2, (stream) => answer(stream))
    mesh.ask(10)
    mesh.clock.advance(30_000)
    answer = () => {}
    const caller = mesh.send()
    mesh.clock.advance(0)
    t.equal(mesh.first.streams.length, 6)
    end(mesh, () => caller.leave())
    t.same(mesh.pickable(), returned ? [1, 2] : [2], name)
    answer = OK
    mesh.ask(1)
    t.same(mesh.pickable(), [1, 2], name)
  }
})

t.test('never more than half of a set is ejected, and never its last', async (t) => {
  for (const [servers, failing, left] of [
    [1, 1, 1],
    [2, 1, 1],
    [2, 2, 2],
    [3, 1, 2],
    [3, 2, 2],
    [4, 2, 2],
    [4, 3, 2],
    [5, 3, 3],
    [10, 9, 5],
  ] as const) {
    const mesh = meshOf(servers, OK)
    for (let port = 1; port <= failing; port++) mesh.upstream.server(port).onStream = FAILED
    mesh.ask(servers * 40)
    t.equal(mesh.pickable().length, left, `${failing} of ${servers} fail`)
  }
  const all = meshOf(2, FAILED, { outliers: { ...IN_A_ROW, maxEjectedPercent: 100 } })
  all.ask(40)
  t.same(all.pickable(), [2], 'the share is 100 %')
})

t.test('where all that are left fail as well, nobody stays out', async (t) => {
  const mesh = meshOf(3, FAILED)
  mesh.ask(15)
  t.same(mesh.pickable(), [2, 3])
  for (const port of [2, 3]) mesh.upstream.server(port).onStream = FAILED
  mesh.ask(10)
  t.same(mesh.pickable(), [1, 2, 3])
  mesh.ask(300)
  t.same(mesh.pickable(), [1, 2, 3])
  t.equal(mesh.cluster.outliers.ejections.get('consecutive-errors'), 1, 'not again and again')
  for (const port of [1, 3]) mesh.upstream.server(port).onStream = OK
  mesh.ask(30)
  t.same(mesh.pickable(), [1, 3], 'until some do better again')
})

t.test('ejections outlive changes of the configuration', async (t) => {
  const mesh = meshOf(4, FAILED)
  const { configuration } = mesh.upstream
  mesh.ask(20)
  configuration.setCluster('app', [1, 2, 3, 4], { outliers: { ...IN_A_ROW, maxEjectedPercent: 60 } })
  t.same(mesh.pickable(), [2, 3, 4])
  const endpoints = (...ports: number[]): void =>
    configuration.endpoints('app').set({
      clusterName: 'app',
      endpoints: ports.map((port) => endpointAt(port, { weight: 2 })),
    })
  endpoints(1, 2, 3)
  t.same(mesh.pickable(), [2, 3], 'other weights, and one less')
  endpoints(1, 2)
  t.same(mesh.pickable(), [2], 'half of them')
  endpoints(1)
  t.same(mesh.pickable(), [1], 'it alone is left')
  t.equal(mesh.cluster.outliers.ejected, 0)
  configuration.setCluster('app', [1, 2], { outliers: IN_A_ROW })
  mesh.ask(10)
  t.same(mesh.pickable(), [2])
  configuration.setCluster('app', [1, 2])
  t.same(mesh.pickable(), [1, 2], 'nobody asks for it any more')
  t.equal(mesh.clock.pending, 0)
})

t.test('where the set shrinks, who is longest out comes back', async (t) => {
  const mesh = meshOf(4, FAILED)
  mesh.upstream.server(2).onStream = FAILED
  mesh.ask(40)
  t.same(mesh.pickable(), [3, 4])
  const endpoints = [1, 2, 3].map((port) => endpointAt(port))
  mesh.upstream.configuration.endpoints('app').set({ clusterName: 'app', endpoints })
  t.same(mesh.pickable(), [1, 3])
})

t.test('what began before an ejection ended does not decide', async (t) => {
  const hanging: FakeStream[] = []
  let answer: Answer = (stream) => void hanging.push(stream)
  const mesh = meshOf(2, (stream) => answer(stream))
  mesh.ask(4)
  answer = FAILED
  mesh.ask(10)
  t.same(mesh.pickable(), [2])
  mesh.clock.advance(30_001)
  hanging[0]?.respond(200)
  t.same(mesh.pickable(), [2], 'not for the endpoint')
  hanging[1]?.respond(500)
  answer = OK
  mesh.ask(1)
  t.same(mesh.pickable(), [1, 2], 'nor against it')
})

t.test('an endpoint that is gone leaves no timer behind', async (t) => {
  const mesh = meshOf(3, FAILED, { outliers: BY_SHARE })
  mesh.ask(15)
  t.ok(mesh.clock.pending > 0)
  mesh.upstream.configuration.setCluster('app', [], { outliers: BY_SHARE })
  t.equal(mesh.clock.pending, 0)
})

t.test('a share of failures ejects too, where the others do better', async (t) => {
  // Never five in a row.
  const third = (): Answer => {
    let asked = 0
    return (stream) => stream.respond(++asked % 3 === 0 ? 500 : 200)
  }
  const mesh = meshOf(3, third(), { outliers: BY_SHARE })
  mesh.ask(57)
  mesh.clock.advance(10_000)
  t.same(mesh.pickable(), [1, 2, 3], 'nineteen requests are not enough')
  mesh.ask(60)
  mesh.clock.advance(10_000)
  t.same(mesh.pickable(), [2, 3])
  t.same([...mesh.cluster.outliers.ejections], [['failure-percentage', 1]])
  const alike = meshOf(3, third(), { outliers: BY_SHARE })
  for (const port of [2, 3]) alike.upstream.server(port).onStream = third()
  alike.ask(120)
  alike.clock.advance(10_000)
  t.same(alike.pickable(), [1, 2, 3], 'all fail as often')
  t.equal(alike.clock.pending, 0, 'no interval runs without requests')
})

t.test('less success than the others have ejects by the rule of standard deviations', async (t) => {
  let asked = 0
  const successRate = { ...IN_A_ROW.successRate, enforcing: 100 }
  const answer: Answer = (stream) => stream.respond(++asked % 10 === 0 ? 500 : 200)
  const mesh = meshOf(5, answer, { outliers: { ...IN_A_ROW, successRate } })
  mesh.ask(495)
  mesh.clock.advance(10_000)
  t.same(mesh.pickable(), [1, 2, 3, 4, 5], '99 requests are not enough')
  mesh.ask(500)
  mesh.clock.advance(10_000)
  t.same(mesh.pickable(), [2, 3, 4, 5])
  t.same([...mesh.cluster.outliers.ejections], [['success-rate', 1]])
})

t.test('findings are acted on as often as the cluster says', async (t) => {
  const mesh = meshOf(3, FAILED, {
    outliers: { ...IN_A_ROW, consecutiveErrors: { limit: 5, enforcing: 0 } },
  })
  mesh.ask(60)
  t.same(mesh.pickable(), [1, 2, 3])
  const consecutiveGatewayFailures = { limit: 3, enforcing: 100 }
  for (const [status, pickable] of [
    [500, [1, 2, 3]],
    [503, [2, 3]],
  ] as const) {
    const gateway = meshOf(3, (stream) => stream.respond(status), {
      outliers: { ...IN_A_ROW, consecutiveGatewayFailures },
    })
    gateway.ask(9)
    t.same(gateway.pickable(), pickable)
  }
})

t.test('connections of an ejected endpoint that carry nothing are closed', async (t) => {
  for (const http of ['http1', 'http2'] as const) {
    const mesh = meshOf(2, FAILED, { http })
    mesh.ask(1)
    mesh.ask(9)
    t.same(mesh.pickable(), [2])
    t.equal(mesh.stateAt(1).connections, 0, http)
    t.ok(mesh.stateAt(2).connections > 0)
    mesh.first.onStream = OK
    mesh.clock.advance(30_000)
    mesh.ask(1)
    t.equal(mesh.stateAt(1).connections, 1, 'the one that it came back by')
  }
})

t.test('an endpoint that others have turned away from is not ejected for their sake', async (t) => {
  const mesh = meshOf(3, FAILED)
  mesh.upstream.configuration.endpoints('app').set({
    clusterName: 'app',
    endpoints: [1, 2, 3].map((port) => endpointAt(port, { health: port === 1 ? 'healthy' : 'draining' })),
  })
  mesh.ask(30)
  t.same(mesh.pickable(), [1], 'it is the last that is ready')
  mesh.upstream.configuration.endpoints('app').set({
    clusterName: 'app',
    endpoints: [1, 2, 3].map((port) => endpointAt(port, { weight: port === 1 ? 1 : 0 })),
  })
  mesh.ask(30)
  t.same(mesh.pickable(), [1], 'others that weigh nothing are none')
})

t.test('retries go elsewhere, and a request that decides may be repeated', async (t) => {
  let answer: Answer = FAILED
  const mesh = meshOf(3, (stream) => answer(stream))
  mesh.ask(15)
  mesh.clock.advance(30_000)
  answer = (stream) => stream.fail('refused')
  mesh.setRoutes([forwardTo({ app: 1 }, { retry: RETRY_503 })])
  const caller = mesh.send()
  mesh.clock.advance(0)
  mesh.clock.advance(10)
  t.equal(caller.status, 200)
  t.equal(mesh.first.streams.length, 6)
})
