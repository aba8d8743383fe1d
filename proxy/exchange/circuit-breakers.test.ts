import t from 'tap'
import type { Cluster } from '../model/cluster.ts'
import { CLUSTER, forwardTo, RETRY_503 } from '../testing/static-configuration.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

const RETRY = { ...RETRY_503, retries: 2, backoffBaseMs: 100, backoffMaxMs: 100 }

function meshOf(ports: readonly number[], limits: Partial<Cluster['limits']>) {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }, { retry: RETRY }))
  mesh.upstream.configuration.setCluster('app', ports, { limits: { ...CLUSTER.limits, ...limits } })
  const { breakers } = mesh.upstream.clusters.get('app')
  return Object.assign(mesh, { breakers, overflows: () => Object.fromEntries(breakers.overflows) })
}

t.test('requests wait for connections as many as the cluster lets, at all endpoints together', async (t) => {
  const mesh = meshOf([1, 2], { maxConnections: 1, maxPendingRequests: 3 })
  const callers = Array.from({ length: 4 }, () => mesh.send())
  t.same(mesh.told, ['UO upstream_overflow{pending requests}'])
  t.equal(callers[3]?.status, 503)
  t.equal(mesh.breakers.pending, 3)
  mesh.clock.advance(0)
  t.equal(mesh.breakers.pending, 1, 'two have their connections')
  mesh.upstream.configuration.setCluster('app', [2])
  t.ok(mesh.breakers.pending <= 1, 'whose endpoint has gone waits at another')
  for (const caller of callers) caller.leave()
  mesh.clock.advance(0)
  t.equal(mesh.breakers.pending, 0)
  t.same(mesh.overflows(), { pending_requests: 1 })
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('of what fails at once, so many are tried again as the cluster lets', async (t) => {
  const mesh = meshOf([1, 2], { maxRetries: 2 })
  for (const port of [1, 2]) mesh.upstream.server(port).onStream = (stream) => stream.respond(503)
  const callers = Array.from({ length: 5 }, () => mesh.send())
  mesh.clock.advance(0)
  t.equal(mesh.breakers.retries, 2)
  t.equal(callers.filter(({ status }) => status === 503).length, 3)
  t.same(new Set(mesh.told), new Set(['UO,URX via_upstream']), 'the answer is the one that came')
  t.same(mesh.overflows(), { retries: 3 })
  for (const port of [1, 2]) mesh.upstream.server(port).onStream = (stream) => stream.respond(200)
  mesh.clock.advance(100)
  t.equal(callers.filter(({ status }) => status === 200).length, 2)
  t.equal(mesh.breakers.retries, 0)
  mesh.upstream.server(1).onStream = (stream) => stream.respond(503)
  mesh.upstream.server(2).onStream = (stream) => stream.respond(503)
  const left = [mesh.send(), mesh.send()]
  mesh.clock.advance(0)
  t.equal(mesh.breakers.retries, 2)
  for (const caller of left) caller.leave()
  t.equal(mesh.breakers.retries, 0, 'who leaves makes room')
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('a limit that turns away what comes next says so', async (t) => {
  const mesh = meshOf([1], { maxRequests: 2, maxPendingRequests: 1, maxOpaqueConnections: 1, maxRetries: 1 })
  const cluster = mesh.upstream.clusters.get('app')
  const reached = (): readonly string[] =>
    [...mesh.breakers.reached(cluster.active, cluster.connections)].flatMap(([name, is]) =>
      is ? [name] : [],
    )
  t.same(reached(), [])
  mesh.send()
  t.same(reached(), ['pending_requests'])
  mesh.clock.advance(0)
  mesh.send()
  mesh.clock.advance(0)
  t.same(reached(), ['requests'])
  mesh.upstream.configuration.setCluster('app', [1])
  t.same(reached(), [], 'by limits of now')
})
