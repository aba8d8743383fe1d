import t from 'tap'
import { field } from '../../http/message.ts'
import type { Cluster } from '../../model/cluster.ts'
import type { HealthCheck } from '../../model/health-check.ts'
import type { FakeStream } from '../testing/fake-connection.ts'
import { FakeUpstream } from '../testing/fake-upstream.ts'
import { meshTls } from '../testing/mesh-tls.ts'
import { pickablePorts } from '../testing/pickable-ports.ts'

const CHECK: HealthCheck = {
  probe: { kind: 'http', method: 'GET', host: 'app', path: '/healthz', expected: [[200, 300]] },
  timeoutMs: 500,
  intervalMs: 1000,
  noTrafficIntervalMs: 60_000,
  unhealthyIntervalMs: 1000,
  jitterMs: 0,
  unhealthyThreshold: 3,
  healthyThreshold: 2,
}

/** Two endpoints; the first answers as told. */
function start(
  answer: (stream: FakeStream) => void,
  check: Partial<HealthCheck> = {},
  change: Partial<Cluster> = {},
) {
  // The first check comes in the middle of a round.
  const upstream = new FakeUpstream({ random: () => 0.5 })
  const healthCheck = { ...CHECK, ...check }
  const configure = (more: Partial<Cluster> = {}): void =>
    upstream.configuration.setCluster('app', [1, 2], { healthCheck, ...change, ...more })
  configure()
  upstream.server(1).onStream = answer
  upstream.server(2).onStream = (stream) => stream.respond(204)
  const cluster = upstream.clusters.get('app')
  const [first] = cluster.states.values()
  return {
    clock: upstream.clock,
    configuration: upstream.configuration,
    configure,
    cluster,
    server: upstream.server(1),
    second: upstream.server(2),
    said: () => first?.health.said['active-check'],
    pickable: () => pickablePorts(cluster),
    /** So many rounds, in a cluster that is in use. */
    rounds(count: number): void {
      for (let i = 0; i < count; i++) {
        cluster.pick(undefined, undefined)
        upstream.clock.advance(1000)
      }
    },
  }
}

t.test('an endpoint that fails its checks is picked last, until it passes them again', async (t) => {
  let status = 200
  const mesh = start((stream) => stream.respond(status))
  mesh.rounds(1)
  t.equal(mesh.said(), 'good, 1 in a row: status 200')
  status = 500
  mesh.rounds(2)
  t.same(mesh.pickable(), [1, 2])
  mesh.rounds(1)
  t.same(mesh.pickable(), [2])
  t.equal(mesh.said(), 'bad, 3 in a row: status 500')
  status = 299
  mesh.rounds(1)
  t.same(mesh.pickable(), [2])
  mesh.rounds(1)
  t.same(mesh.pickable(), [1, 2])
  t.equal(mesh.server.streams[0]?.head.path, '/healthz')
  t.equal(mesh.server.streams[0]?.head.authority, 'app')
})

t.test(
  'until it was asked an endpoint is picked, and one success is enough for one that had none',
  async (t) => {
    let status = 503
    const mesh = start((stream) => stream.respond(status))
    t.same(mesh.pickable(), [1, 2])
    mesh.rounds(3)
    t.same(mesh.pickable(), [2])
    status = 200
    mesh.rounds(1)
    t.same(mesh.pickable(), [1, 2])
  },
)

t.test('checks that all fail leave everything picked', async (t) => {
  const mesh = start((stream) => stream.respond(404), { unhealthyThreshold: 1 })
  mesh.rounds(1)
  t.same(mesh.pickable(), [2])
  mesh.second.onStream = (stream) => stream.respond(404)
  mesh.rounds(1)
  t.same(mesh.pickable(), [1, 2])
})

t.test('what gives no answer fails: no connection, no answer in time, a broken one', async (t) => {
  const hanging = start(() => {}, { unhealthyThreshold: 2 })
  hanging.rounds(3)
  t.same(hanging.pickable(), [2])
  t.match(hanging.said(), /^bad, 2 in a row: no answer in time$/)
  const refusing = start(() => {}, { unhealthyThreshold: 1 })
  refusing.server.connect = 'refuse'
  refusing.rounds(1)
  t.match(refusing.said(), /ECONNREFUSED/)
  t.same(refusing.pickable(), [2])
  const broken = start((stream) => stream.fail('cancel'), { unhealthyThreshold: 1 })
  broken.rounds(1)
  t.equal(broken.said(), 'bad, 1 in a row: no whole answer: cancel')
  const endless = start((stream) => (stream.sendHead(200), stream.sendData('x'.repeat(70_000))), {
    unhealthyThreshold: 1,
  })
  endless.rounds(1)
  t.equal(endless.said(), 'bad, 1 in a row: the answer is too long')
})

t.test('gRPC endpoints are asked by their health service, as calls', async (t) => {
  const probe = { kind: 'grpc', service: 'echo', authority: 'app' } as const
  const answer =
    (message: readonly number[], status = '0') =>
    (stream: FakeStream) => {
      stream.sendHead(200, ['content-type', 'application/grpc'])
      if (message.length > 0) stream.sendData(Buffer.from(message).toString('latin1'))
      stream.sendEnd(['grpc-status', status])
    }
  for (const [reply, said] of [
    [answer([0, 0, 0, 0, 2, 8, 1]), 'good, 1 in a row: SERVING'],
    [answer([0, 0, 0, 0, 2, 8, 2]), 'bad, 1 in a row: NOT_SERVING'],
    [answer([0, 0, 0, 0, 0]), 'bad, 1 in a row: UNKNOWN'],
    [answer([0, 0, 0, 0, 9, 8, 1]), 'bad, 1 in a row: no message of grpc.health.v1'],
    [answer([]), 'bad, 1 in a row: no message of grpc.health.v1'],
    [answer([], '12'), 'bad, 1 in a row: grpc-status 12'],
    [
      (stream: FakeStream) => stream.sendHead(200, ['grpc-status', '5'], true),
      'bad, 1 in a row: grpc-status 5',
    ],
    [(stream: FakeStream) => stream.respond(503), 'bad, 1 in a row: status 503'],
  ] as const) {
    const mesh = start(reply, { probe }, { http: 'http2' })
    mesh.rounds(1)
    t.equal(mesh.said(), said)
    const [asked] = mesh.server.streams
    t.equal(asked?.head.path, '/grpc.health.v1.Health/Check')
    t.equal(field(asked?.head.fields ?? [], 'content-type'), 'application/grpc')
    t.equal(asked?.body, '\0\0\0\0\x06\n\x04echo')
  }
})

t.test('over a link a probe goes in the way of requests', async (t) => {
  const probe = { kind: 'grpc', service: '', authority: 'app' } as const
  const mesh = start((stream) => stream.respond(503), { probe }, { tls: meshTls([]) })
  mesh.server.alpn = 'weft-h2'
  mesh.rounds(1)
  t.equal(mesh.server.connections[0]?.protocol, 'h2')
  t.equal(field(mesh.server.streams[0]?.head.fields ?? [], 'x-weft-http'), '2')
  t.equal(mesh.server.streams[0]?.body, '\0\0\0\0\0')
})

t.test('a probe that a sidecar sheds says nothing of the endpoint', async (t) => {
  const shedding = (stream: FakeStream) => stream.sendHead(503, ['x-weft-shed', '1'], true)
  for (const [alpn, pickable] of [
    ['weft-h2', [1, 2]],
    ['h2', [2]],
  ] as const) {
    const mesh = start(shedding, { unhealthyThreshold: 1 }, { tls: meshTls([]) })
    mesh.server.alpn = mesh.second.alpn = alpn
    mesh.rounds(3)
    t.same(mesh.pickable(), pickable, alpn)
    t.ok(mesh.server.streams.length >= 3, 'it goes on asking')
  }
})

t.test('opaque endpoints are asked by a connection, which is closed at once', async (t) => {
  const mesh = start(() => {}, { probe: { kind: 'tcp' }, unhealthyThreshold: 1 })
  mesh.rounds(2)
  t.equal(mesh.said(), 'good, 2 in a row: connected')
  t.ok(mesh.server.sockets.every(({ destroyed }) => destroyed))
  mesh.server.connect = 'hang'
  mesh.rounds(2)
  t.equal(mesh.said(), 'bad, 1 in a row: no connection in time')
  t.same(mesh.pickable(), [2])
})

t.test('a cluster that nobody uses is asked less often', async (t) => {
  const mesh = start((stream) => stream.respond(200))
  mesh.rounds(10)
  const asked = mesh.server.streams.length
  t.equal(asked, 10)
  mesh.clock.advance(60_000)
  t.equal(mesh.server.streams.length, asked + 1, 'once after the last use was seen')
  mesh.clock.advance(60_000)
  t.equal(mesh.server.streams.length, asked + 2)
})

t.test(
  'settings that change begin anew, and nothing runs on when there are none or the endpoint is gone',
  async (t) => {
    let status = 500
    const mesh = start((stream) => stream.respond(status))
    mesh.rounds(3)
    t.same(mesh.pickable(), [2])
    mesh.configure({ connectTimeoutMs: 77 })
    t.same(mesh.pickable(), [2], 'what is known outlives other changes')
    mesh.configure({ healthCheck: undefined })
    t.same(mesh.pickable(), [1, 2])
    t.equal(mesh.said(), undefined)
    t.equal(mesh.clock.pending, 0)
    status = 200
    mesh.configure()
    mesh.clock.advance(0)
    mesh.server.onStream = () => {}
    mesh.rounds(1)
    mesh.configuration.setCluster('app', [])
    t.equal(mesh.clock.pending, 0)
    t.ok(
      mesh.server.streams.every(({ over }) => over),
      'a probe on its way is given up',
    )
  },
)

t.test('many endpoints are asked a few at a time', async (t) => {
  const upstream = new FakeUpstream()
  const ports = Array.from({ length: 40 }, (_, i) => i + 1)
  upstream.configuration.setCluster('app', ports, { healthCheck: CHECK })
  upstream.clusters.get('app')
  upstream.clock.advance(0)
  const asked = (): number => ports.filter((port) => upstream.server(port).streams.length > 0).length
  t.equal(asked(), 16)
  upstream.server(1).stream.respond(200)
  upstream.clock.advance(0)
  t.equal(asked(), 17)
  upstream.clock.advance(500)
  upstream.clock.advance(0)
  t.equal(asked(), 33)
})
