import t from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import type { Balancing, Locality } from '../../model/balancing.ts'
import { seeded } from '../../testing/seeded-random.ts'
import { PEAK_EWMA } from '../../testing/static-configuration.ts'
import { Picker } from './picker.ts'
import type { Purpose } from './target.ts'
import { FakeTarget } from './testing/fake-target.ts'

const OWN: Locality = { region: 'r', zone: 'a', subZone: 'node-1' }
const AWARE: Balancing = {
  ...PEAK_EWMA,
  localities: { kind: 'zone-aware', percent: 100, minimumEndpoints: 1 },
}
const clock = new ManualClock(1_000_000)

function at(port: number, zone: string, subZone = '', weight = 0): FakeTarget {
  const locality = { region: 'r', zone, subZone, weight }
  return new FakeTarget(port, PEAK_EWMA.policy, clock, { locality })
}

function shares(
  targets: readonly FakeTarget[],
  balancing: Balancing = AWARE,
  own: Locality | 'unknown' = OWN,
  purpose: Purpose = 'request',
): Record<number, number> {
  const picker = new Picker(targets, {
    balancing,
    own: own === 'unknown' ? undefined : own,
    chance: { clock, random: seeded(5) },
  })
  const found: Record<number, number> = {}
  for (let i = 0; i < 10_000; i++) {
    const port = picker.pick(undefined, undefined, purpose)?.endpoint.port ?? 0
    found[port] = (found[port] ?? 0) + 1 / 10_000
  }
  return found
}

const portsOf = (found: Record<number, number>): number[] => Object.keys(found).map(Number)

t.test('the own node first, then the own zone, then the rest', async (t) => {
  const [node, zone, far] = [at(1, 'a', 'node-1'), at(2, 'a', 'node-2'), at(3, 'b', 'node-1')]
  t.same(portsOf(shares([far, zone, node])), [1])
  t.same(portsOf(shares([far, zone])), [2])
  t.same(portsOf(shares([far])), [3])
  const elsewhere = { ...OWN, region: 'other' }
  t.equal(portsOf(shares([far, zone, node], AWARE, elsewhere)).length, 3, 'zones of one name in two regions')
})

t.test('the own node first, also where the own zone is not known', async (t) => {
  const targets = [at(1, 'a', 'node-1'), at(2, 'a', 'node-2'), at(3, 'b', 'node-3')]
  const own = { region: '', zone: '', subZone: 'node-1' }
  const bare = targets.map(({ endpoint }, i) => {
    const locality = endpoint.locality && { ...endpoint.locality, region: '' }
    return new FakeTarget(i + 1, PEAK_EWMA.policy, clock, { locality })
  })
  t.same(portsOf(shares(bare, AWARE, own)), [1])
  t.equal(portsOf(shares(bare, AWARE, { ...own, subZone: 'node-9' })).length, 3)
})

t.test('where we are, or where they are, is not known: all the same', async (t) => {
  const targets = [at(1, 'a'), at(2, 'b'), new FakeTarget(3, PEAK_EWMA.policy, clock)]
  for (const own of ['unknown', { region: '', zone: '', subZone: '' }] as const)
    for (const port of [1, 2, 3]) t.ok(Math.abs((shares(targets, AWARE, own)[port] ?? 0) - 1 / 3) < 0.03)
  const few = { ...AWARE, localities: { kind: 'zone-aware', percent: 100, minimumEndpoints: 4 } } as const
  t.equal(portsOf(shares(targets, few)).length, 3, 'too few of them')
  const some = { ...AWARE, localities: { kind: 'zone-aware', percent: 40, minimumEndpoints: 1 } } as const
  t.ok(Math.abs((shares(targets, some)[1] ?? 0) - (0.4 + 0.6 / 3)) < 0.03, 'of 40 % of the requests')
})

t.test('other zones help before the own one is overloaded, and only then', async (t) => {
  const [a, b, c] = [at(1, 'a'), at(2, 'a'), at(3, 'b')]
  const targets = [a, b, c]
  a.begin()
  b.begin()
  t.same(portsOf(shares(targets)), [1, 2], 'one each is no load')
  const more = [a.begin(), b.begin()]
  t.same(portsOf(shares(targets)), [3], 'two each, where the other zone has none')
  c.begin()
  t.same(portsOf(shares(targets)), [3])
  c.begin()
  t.same(portsOf(shares(targets)), [1, 2], 'less than twice as many is no overload')
  for (const request of more) a.load.end(request)
})

t.test('a zone that fails is left', async (t) => {
  const [a, b, c] = [at(1, 'a'), at(2, 'a'), at(3, 'b')]
  for (const target of [a, b]) target.end(target.begin(), 503)
  t.same(portsOf(shares([a, b, c])), [3])
  c.end(c.begin(), 503)
  t.same(portsOf(shares([a, b, c])), [1, 2], 'unless the others fail as well')
  clock.advance(60_000)
  t.same(portsOf(shares([a, b, c])), [1, 2])
})

t.test('opaque connections stay near, however many there are', async (t) => {
  const [a, b] = [at(1, 'a'), at(2, 'b')]
  a.load.connections = 20
  t.same(portsOf(shares([a, b], AWARE, OWN, 'connection')), [1])
})

t.test('localities by weight, as far as enough of them are in use', async (t) => {
  const weighted: Balancing = { ...PEAK_EWMA, localities: { kind: 'weighted' } }
  const zone = (first: number, name: string, weight: number, count: number): FakeTarget[] =>
    Array.from({ length: count }, (_, i) => at(first + i, name, '', weight))
  const [a, b] = [zone(1, 'a', 3, 1), zone(11, 'b', 1, 10)]
  const sum = (found: Record<number, number>, first: number, last: number): number =>
    Object.entries(found).reduce(
      (all, [port, part]) => (+port >= first && +port <= last ? all + part : all),
      0,
    )
  t.ok(Math.abs(sum(shares([...a, ...b], weighted), 1, 1) - 0.75) < 0.02)
  for (const target of b.slice(0, 5))
    Object.assign(target.health, { standing: 'last-resort', certain: 'use' })
  // 3 to 1 x 0.7.
  t.ok(Math.abs(sum(shares([...a, ...b], weighted), 1, 1) - 3 / 3.7) < 0.02)
  t.same(portsOf(shares([at(1, 'a'), at(2, 'b')], weighted)).length, 2, 'without weights all the same')
})
