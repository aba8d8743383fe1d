import t from 'tap'
import { field } from '../http/message.ts'
import type { Cluster } from '../model/cluster.ts'
import { NO_MUTATION, type ForwardAction, type WeightedCluster } from '../model/route.ts'
import { endpointAt, forwardTo, RETRY_503 } from '../testing/static-configuration.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

const STABLE = 1
const CANARY = 2

/** `stable` at port 1 and `canary` at port 2, each naming itself in a field of the request. */
function splitOf(change: Partial<ForwardAction> = {}, canary: Partial<Cluster> = {}) {
  const named = (cluster: string, weight: number): WeightedCluster => ({
    cluster,
    weight,
    requestHeaders: { ...NO_MUTATION, add: [['x-backend', cluster]] },
    responseHeaders: { ...NO_MUTATION, set: [['x-backend', cluster]] },
  })
  const clusters = [named('stable', 50), named('canary', 50)]
  const mesh = new MemoryExchange(forwardTo({}, { clusters, failover: true, ...change }))
  const { configuration } = mesh.upstream
  configuration.setCluster('stable', [STABLE])
  configuration.setCluster('canary', [CANARY], canary)
  for (const port of [STABLE, CANARY]) mesh.upstream.server(port).onStream = (stream) => stream.respond(200)
  return Object.assign(mesh, {
    endpoints: (cluster: string, ...endpoints: Parameters<typeof endpointAt>[]): void =>
      configuration.endpoints(cluster).set({
        clusterName: cluster,
        endpoints: endpoints.map((one) => endpointAt(...one)),
      }),
    /** How the answers to so many requests are divided, by status and who gave them. */
    ask(count: number): Readonly<Record<string, number>> {
      const got: Record<string, number> = {}
      for (let i = 0; i < count; i++) {
        const caller = mesh.send()
        mesh.clock.advance(0)
        mesh.clock.advance(10)
        const by = `${caller.status} ${field(caller.answer?.fields ?? [], 'x-backend') ?? '-'}`
        got[by] = (got[by] ?? 0) + 1
      }
      return got
    },
    /** What a server got of the field that its cluster adds. */
    backends: (port: number) =>
      mesh.upstream.server(port).streams.map(({ head }) =>
        head.fields
          .join(' ')
          .match(/x-backend \w+/g)
          ?.join(),
      ),
  })
}

t.test('a backend without an endpoint gives its share to the others', async (t) => {
  const mesh = splitOf()
  t.same(mesh.ask(20), { '200 stable': 10, '200 canary': 10 })
  mesh.endpoints('canary')
  t.same(mesh.ask(20), { '200 stable': 20 })
  t.same(new Set(mesh.records.slice(20).map(({ cluster }) => cluster)), new Set(['stable']))
  t.same(new Set(mesh.backends(STABLE)), new Set(['x-backend stable']))
  mesh.endpoints('canary', [CANARY])
  t.same(mesh.ask(20), { '200 stable': 10, '200 canary': 10 })
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('without being asked it is 503, and so it is where none is left', async (t) => {
  const asked = splitOf({ failover: false })
  asked.endpoints('canary')
  t.same(asked.ask(20), { '200 stable': 10, '503 -': 10 })
  const none = splitOf()
  none.endpoints('canary')
  none.endpoints('stable')
  t.same(none.ask(20), { '503 -': 20 })
  t.same(new Set(none.told), new Set(['UH no_healthy_upstream']))
  t.same(none.leftovers, NOTHING_LEFT)
})

t.test('endpoints that end or are down are none, as long as another backend has better ones', async (t) => {
  const mesh = splitOf()
  mesh.endpoints('canary', [CANARY, { health: 'draining' }])
  t.same(mesh.ask(10), { '200 stable': 10 })
  mesh.endpoints('stable', [STABLE, { health: 'unhealthy' }])
  t.same(mesh.ask(10), { '200 canary': 10 })
  mesh.endpoints('stable', [STABLE, { health: 'draining' }])
  t.same(mesh.ask(10), { '200 stable': 5, '200 canary': 5 }, 'neither is any better')
  mesh.endpoints('canary', [CANARY, { weight: 0 }])
  t.same(mesh.ask(10), { '200 stable': 10 })
})

t.test('a backend of weight 0 takes nothing over, and an invalid one keeps its share', async (t) => {
  const unused = splitOf({ clusters: weights({ stable: 0, canary: 1 }) })
  unused.endpoints('canary')
  t.same(unused.ask(4), { '503 -': 4 })
  const invalid = splitOf({ clusters: weights({ stable: 1, '': 1 }) })
  t.same(invalid.ask(4), { '200 -': 2, '500 -': 2 })
  invalid.endpoints('stable')
  t.same(invalid.ask(4), { '503 -': 2, '500 -': 2 })
})

t.test('the others share what they take over by their weights', async (t) => {
  const mesh = new MemoryExchange(
    forwardTo({}, { clusters: weights({ gone: 10, a: 3, b: 1 }), failover: true }),
  )
  const { configuration } = mesh.upstream
  let drawn = 0
  mesh.random = () => (drawn = (drawn + 0.25) % 1)
  for (const [name, ports] of Object.entries({ gone: [], a: [1], b: [2] }))
    configuration.setCluster(name, ports)
  for (let i = 0; i < 140; i++) {
    mesh.send()
    mesh.clock.advance(0)
    for (const port of [1, 2]) for (const stream of mesh.upstream.server(port).streams) stream.respond(200)
  }
  t.same(
    [1, 2].map((port) => mesh.upstream.server(port).streams.length),
    [105, 35],
  )
})

t.test('a request moves on where its backend loses its last endpoint, or none can be reached', async (t) => {
  const mesh = splitOf({ retry: RETRY_503 })
  mesh.upstream.server(CANARY).connect = 'hang'
  const callers = [mesh.send(), mesh.send()]
  mesh.clock.advance(0)
  mesh.endpoints('canary')
  mesh.clock.advance(10)
  t.same(
    callers.map(({ status }) => status),
    [200, 200],
  )
  mesh.endpoints('canary', [CANARY])
  mesh.upstream.server(CANARY).connect = 'refuse'
  t.same(mesh.ask(10), { '200 stable': 10 })
  t.same(new Set(mesh.backends(STABLE)), new Set(['x-backend stable']), 'as it goes there')
  mesh.upstream.server(STABLE).connect = 'refuse'
  mesh.upstream.clusters.get('stable').renew()
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('a cluster that does not exist has no endpoint, and one that is awaited may have', async (t) => {
  const mesh = splitOf({ clusters: weights({ later: 1, stable: 1 }) })
  const waiting = mesh.send()
  t.equal(waiting.status, undefined)
  mesh.upstream.configuration.setCluster('later', [CANARY])
  mesh.clock.advance(0)
  t.equal(waiting.status, 200)
  t.equal(mesh.records[0]?.cluster, 'later')
  const gone = splitOf({ clusters: weights({ gone: 1, stable: 1 }) })
  gone.upstream.configuration.cluster('gone').set(null)
  t.same(gone.ask(4), { '200 -': 4 })
})

function weights(of: Readonly<Record<string, number>>): readonly WeightedCluster[] {
  return Object.entries(of).map(([cluster, weight]) => ({
    cluster,
    weight,
    requestHeaders: NO_MUTATION,
    responseHeaders: NO_MUTATION,
  }))
}
