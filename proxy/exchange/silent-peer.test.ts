import t from 'tap'
import { forwardTo } from '../testing/static-configuration.ts'
import { meshTls } from '../upstream/testing/mesh-tls.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

/** Links to servers at ports 1 to `servers`, of which the first is up and asked once. */
function meshOf(servers: number) {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  const ports = Array.from({ length: servers }, (_, i) => i + 1)
  for (const port of ports) Object.assign(mesh.upstream.server(port), { alpn: 'weft-h2', maxStreams: 1000 })
  const limits = { maxConnections: 10, maxPendingRequests: 1000, maxRequests: 1000 }
  mesh.upstream.configuration.setCluster('app', ports, { tls: meshTls([]), limits })
  return Object.assign(mesh, {
    asked: () => ports.map((port) => mesh.upstream.server(port).streams.length),
  })
}

t.test(
  'what waits on a suspect link goes elsewhere if it may be repeated, and nothing new comes',
  async (t) => {
    const mesh = meshOf(2)
    const reads = [mesh.send(), mesh.send(), mesh.send(), mesh.send()]
    const writes = [mesh.send({ method: 'POST' }), mesh.send({ method: 'POST' })]
    mesh.clock.advance(0)
    const [gone, other] = [mesh.upstream.server(1), mesh.upstream.server(2)]
    t.same(mesh.asked(), [3, 3])
    gone.connections[0]?.suspect()
    mesh.clock.advance(0)
    t.same(mesh.asked(), [3, 5], 'the reads')
    t.equal(gone.streams.filter(({ over }) => !over).length, 1, 'the write waits on')
    const later = mesh.send()
    mesh.clock.advance(0)
    t.same(mesh.asked(), [3, 6])
    for (const stream of other.streams) stream.respond(200)
    t.same(
      [...reads, later].map(({ status }) => status),
      [200, 200, 200, 200, 200],
    )
    gone.connections[0]?.suspect(false)
    gone.stream.respond(200)
    t.same(
      writes.map(({ status }) => status),
      [200, 200],
      'it was only slow',
    )
    t.same(mesh.leftovers, NOTHING_LEFT)
  },
)

t.test('also from an endpoint that has left the cluster meanwhile', async (t) => {
  const mesh = meshOf(2)
  const callers = [mesh.send(), mesh.send(), mesh.send({ method: 'POST' }), mesh.send({ method: 'POST' })]
  mesh.clock.advance(0)
  t.same(mesh.asked(), [2, 2])
  const limits = { maxConnections: 10, maxPendingRequests: 1000, maxRequests: 1000 }
  mesh.upstream.configuration.setCluster('app', [2], { tls: meshTls([]), limits })
  mesh.clock.advance(0)
  t.same(mesh.asked(), [2, 2], 'what runs there may still be answered')
  const gone = mesh.upstream.server(1)
  gone.connections[0]?.suspect()
  mesh.clock.advance(0)
  t.same(mesh.asked(), [2, 3])
  for (const stream of mesh.upstream.server(2).streams) stream.respond(200)
  gone.streams.find(({ over }) => !over)?.fail('connection')
  mesh.clock.advance(0)
  t.same(
    callers.map(({ status }) => status).sort((a = 0, b = 0) => a - b),
    [200, 200, 200, 503],
    'a write that was sent is not repeated',
  )
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('an answer that has begun, and an upgrade, stay where they are', async (t) => {
  const mesh = meshOf(2)
  mesh.setRoutes([forwardTo({ app: 1 }, { upgrades: ['websocket'] })])
  const [begun, upgrade] = [mesh.send(), mesh.send({ upgrade: 'websocket' })]
  mesh.clock.advance(0)
  for (const port of [1, 2]) {
    const server = mesh.upstream.server(port)
    if (server.stream.head.upgrade === '') server.stream.sendHead(200)
    server.connections[0]?.suspect()
  }
  mesh.clock.advance(0)
  t.same(mesh.asked(), [1, 1])
  t.same([begun.resetBy, upgrade.answer], [undefined, undefined])
})

t.test('a connect that hangs holds nobody where another endpoint is, whatever the method', async (t) => {
  const mesh = meshOf(2)
  mesh.upstream.server(1).connect = 'hang'
  const callers = Array.from({ length: 306 }, (_, i) => mesh.send({ method: i % 2 === 0 ? 'GET' : 'POST' }))
  mesh.clock.advance(399)
  t.same(mesh.asked(), [0, 153])
  mesh.clock.advance(1)
  t.same(mesh.asked(), [0, 306])
  for (const stream of mesh.upstream.server(2).streams) stream.respond(200)
  t.ok(callers.every(({ status }) => status === 200))
  t.equal(mesh.records.filter(({ flags }) => flags !== 0).length, 0)
  const later = Array.from({ length: 10 }, () => mesh.send())
  mesh.clock.advance(0)
  t.same(mesh.asked(), [0, 316], 'it is picked last until it is worth a try')
  for (const stream of mesh.upstream.server(2).streams) stream.respond(200)
  t.ok(later.every(({ status }) => status === 200))
  mesh.upstream.server(1).connect = 'accept'
  mesh.clock.advance(10_000)
  mesh.send()
  mesh.send()
  mesh.clock.advance(0)
  t.same(mesh.asked(), [1, 317])
})

t.test('where no other endpoint is, a second attempt beside the first serves everybody', async (t) => {
  const mesh = meshOf(1)
  const server = mesh.upstream.server(1)
  server.connect = 'hang'
  const callers = Array.from({ length: 20 }, () => mesh.send())
  mesh.clock.advance(399)
  server.connect = 'accept'
  mesh.clock.advance(1)
  mesh.clock.advance(0)
  t.same(mesh.asked(), [20])
  for (const stream of server.streams) stream.respond(200)
  t.ok(callers.every(({ status }) => status === 200))
  t.equal(server.targets.length, 2)
  mesh.clock.advance(20_000)
  t.equal(mesh.clock.pending, 0, 'the first was given up')
})

t.test(
  'what a cold server refuses before it has said how many streams it takes waits for its turn',
  async (t) => {
    const mesh = meshOf(1)
    const server = mesh.upstream.server(1)
    server.maxStreams = 100
    // Until its SETTINGS are here 100 are assumed; it takes one.
    server.onStream = (stream) => {
      const { connection } = stream
      stream.early = connection.streamsTold === undefined
      if (connection.streams.filter(({ over }) => !over).length > 1)
        setImmediate(() => stream.fail('refused'))
    }
    const callers = Array.from({ length: 12 }, () => mesh.send({ method: 'POST' }))
    mesh.clock.advance(0)
    for (let turn = 0; turn < 4; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      mesh.clock.advance(0)
    }
    t.same(mesh.records, [], 'nobody was answered')
    for (let turn = 0; turn < 100 && callers.some(({ status }) => !status); turn++) {
      for (const stream of server.streams) if (!stream.over && !stream.early) stream.respond(200)
      for (const connection of server.connections) connection.streamsTold = 100
      for (const stream of server.streams.filter(({ over }) => !over).slice(0, 1)) stream.respond(200)
      await new Promise((resolve) => setImmediate(resolve))
      mesh.clock.advance(0)
    }
    t.same(
      callers.map(({ status }) => status),
      callers.map(() => 200),
    )
  },
)
