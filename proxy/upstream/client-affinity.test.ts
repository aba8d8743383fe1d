import t from 'tap'
import type { Cluster } from '../model/cluster.ts'
import { FakeUpstream } from './testing/fake-upstream.ts'

/** A cluster with so many endpoints, and whom it picks. */
function start(ports: readonly number[], change: Partial<Cluster> = { clientAffinityMs: 1000 }) {
  const upstream = new FakeUpstream({ random: Math.random })
  upstream.configuration.setCluster('app', ports, change)
  const cluster = upstream.clusters.get('app')
  const pick = (tried: readonly number[] = []): number | undefined => {
    const states = [...cluster.states.values()].filter(({ endpoint }) => tried.includes(endpoint.port))
    return cluster.pick(undefined, states)?.endpoint.port
  }
  const picks = (count: number): Set<number | undefined> =>
    new Set(Array.from({ length: count }, () => pick()))
  return { upstream, clock: upstream.clock, pick, picks }
}
const PORTS = [1, 2, 3, 4, 5, 6, 7, 8]

t.test('an endpoint is kept until it has not been picked for the time', async (t) => {
  const { clock, pick, picks } = start(PORTS)
  const first = pick()
  for (let i = 0; i < 50; i++) {
    clock.advance(999)
    t.equal(pick(), first)
  }
  // Each time that is over is another draw of eight.
  const drawn = new Set<number | undefined>()
  for (let i = 0; i < 200; i++) {
    clock.advance(1000)
    drawn.add(pick())
  }
  t.equal(drawn.size, 8)
  t.equal(picks(100).size, 1)
})

t.test("without it every pick is the balancer's", async (t) => {
  t.equal(start(PORTS, {}).picks(200).size, 8)
})

t.test('one that goes, or that its source speaks against, is given up for good', async (t) => {
  const { upstream, pick, picks } = start(PORTS)
  const first = pick() as number
  const left = PORTS.filter((port) => port !== first)
  upstream.configuration.setCluster('app', left, { clientAffinityMs: 1000 })
  const second = pick()
  t.not(second, first)
  upstream.configuration.setCluster('app', PORTS, { clientAffinityMs: 1000 })
  t.strictSame(picks(50), new Set([second]), 'the first one is back, and the second one is kept')
})

t.test('a request that fails there goes elsewhere, and the next one comes back', async (t) => {
  const { pick } = start(PORTS)
  const first = pick() as number
  for (let i = 0; i < 20; i++) t.not(pick([first]), first)
  const other = PORTS.find((port) => port !== first) as number
  t.equal(pick([other]), first, 'what failed elsewhere may go there')
  t.equal(pick(), first)
})

t.test('one endpoint that is tried, and none at all', async (t) => {
  const { upstream, pick } = start([1])
  t.equal(pick(), 1)
  t.equal(pick([1]), 1)
  upstream.configuration.setCluster('app', [], { clientAffinityMs: 1000 })
  t.equal(pick(), undefined)
  upstream.configuration.setCluster('app', [2], { clientAffinityMs: 1000 })
  t.equal(pick(), 2)
})
