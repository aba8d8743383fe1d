import t from 'tap'
import type { Cluster, Endpoint } from '../model/cluster.ts'
import { CLUSTER, endpointAt } from '../testing/static-configuration.ts'
import { Picker } from './balancer.ts'
import { EndpointState } from './endpoint-state.ts'
import { FakeUpstream } from './testing/fake-upstream.ts'

const { deps } = new FakeUpstream()

function stateAt(port: number, change: Partial<Endpoint> = {}): EndpointState {
  return new EndpointState(endpointAt(port, change), CLUSTER, deps, false, () => {})
}

/** Ports of so many picks. */
function picks(picker: Picker, count: number, tried?: readonly EndpointState[]): (number | undefined)[] {
  return Array.from({ length: count }, () => picker.pick(tried)?.endpoint.port)
}

/** Gives these numbers, one after the other, again and again. */
function sequence(...numbers: number[]): () => number {
  let next = 0
  return () => numbers[next++ % numbers.length] as number
}

t.test('round robin gives everyone its turn, from a random start', async (t) => {
  const states = [stateAt(1), stateAt(2), stateAt(3)]
  t.same(picks(new Picker(states, 'round-robin', () => 0), 6), [2, 3, 1, 2, 3, 1])
  t.same(picks(new Picker(states, 'round-robin', () => 0.9), 3), [1, 2, 3])
})

t.test('random follows the numbers it is given', async (t) => {
  const picker = new Picker([stateAt(1), stateAt(2)], 'random', sequence(0, 0.6, 0.4))
  t.same(picks(picker, 3), [2, 1, 1])
})

t.test('round robin gives turns by weight, and mixes them', async (t) => {
  const states = [stateAt(1, { weight: 5 }), stateAt(2), stateAt(3, { weight: 2 })]
  t.same(picks(new Picker(states, 'round-robin', () => 0), 8), [1, 3, 1, 1, 2, 1, 3, 1])
  for (const start of [0.3, 0.7, 0.99]) {
    const given = picks(new Picker(states, 'round-robin', () => start), 800)
    t.same(
      [1, 2, 3].map((port) => given.filter((one) => one === port).length),
      [500, 100, 200],
    )
  }
})

t.test('random draws by weight, also where some were tried', async (t) => {
  const states = [stateAt(1, { weight: 3 }), stateAt(2), stateAt(3, { weight: 6 })]
  const picker = new Picker(states, 'random', sequence(0, 0, 0.29, 0.3, 0.39, 0.4, 0.99))
  t.same(picks(picker, 6), [1, 1, 2, 2, 3, 3])
  const others = new Picker(states, 'random', sequence(0, 0, 0.74, 0.75))
  t.same(picks(others, 3, [states[2] as EndpointState]), [1, 1, 2])
})

t.test('least request takes the less busy of two, by weight', async (t) => {
  const [a, b] = [stateAt(1), stateAt(2, { weight: 4 })]
  const picker = new Picker([a, b], 'least-request', () => 0)
  t.same(picks(picker, 1), [2])
  b.active = 3
  t.same(picks(picker, 1), [1], 'equal shares: the first of the two')
  a.active = 1
  t.same(picks(picker, 1), [2])
})

t.test('a standing decides: the last resort only if no other is left, the avoided never', async (t) => {
  const healthy = stateAt(1)
  const draining = stateAt(2, { health: 'draining' })
  const unhealthy = stateAt(3, { health: 'unhealthy' })
  const weightless = stateAt(4, { weight: 0 })
  const of = (...states: EndpointState[]): Picker => new Picker(states, 'round-robin', () => 0)
  t.same(picks(of(weightless, unhealthy, draining, healthy), 2), [1, 1])
  t.same(picks(of(weightless, unhealthy, draining), 2), [2, 2])
  t.same(picks(of(weightless, unhealthy), 1), [undefined])
  t.equal(of().size, 0)
})

t.test('another than those tried, while there is one', async (t) => {
  const [a, b, c] = [stateAt(1), stateAt(2), stateAt(3)]
  for (const balancer of ['round-robin', 'random', 'least-request'] satisfies Cluster['balancer'][]) {
    const picker = new Picker([a, b, c], balancer, () => 0)
    t.same(picks(picker, 3, [a, b]), [3, 3, 3], balancer)
    t.ok(picker.pick([a, b, c]), 'all were tried: any')
  }
})
