import t from 'tap'
import { forwardTo } from '../testing/static-configuration.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

t.test(
  'a change of routes breaks no request that is under way, and holds for the next one at once',
  async (t) => {
    const mesh = new MemoryExchange(forwardTo({ old: 1 }))
    mesh.upstream.configuration.setCluster('old', [1])
    mesh.upstream.configuration.setCluster('new', [2])
    const under = Array.from({ length: 50 }, (_, i) => mesh.send({ method: 'PUT', open: i % 2 === 0 }))
    mesh.clock.advance(0)
    t.equal(mesh.upstream.server(1).streams.length, 50)
    // Other backends, then none of them, then no route that matches.
    for (const routes of [[forwardTo({ new: 1 })], [forwardTo({ new: 1, old: 0 })], []]) {
      mesh.setRoutes(routes)
      const next = mesh.send()
      mesh.clock.advance(0)
      if (routes.length > 0) mesh.upstream.server(2).stream.respond(200, 'new')
      t.equal(next.status, routes.length > 0 ? 200 : 404)
    }
    for (const caller of under) if (!caller.exchange.body.ended) caller.finish()
    for (const stream of mesh.upstream.server(1).streams) stream.respond(200, 'old')
    t.same(
      under.map(({ status, body, ended }) => `${status} ${body} ${ended}`),
      under.map(() => '200 old true'),
    )
    t.same(mesh.leftovers, NOTHING_LEFT)
  },
)
