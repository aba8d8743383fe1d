import t from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { ROUND_ROBIN, type Balancing, type BalancingPolicy } from '../../model/balancing.ts'
import type { Endpoint } from '../../model/cluster.ts'
import { seeded } from '../../testing/seeded-random.ts'
import { balancedBy, LEAST_REQUEST, PEAK_EWMA } from '../../testing/static-configuration.ts'
import type { Standing } from '../health/signal.ts'
import { Picker } from './picker.ts'
import { FakeTarget } from './testing/fake-target.ts'

const RANDOM = balancedBy({ kind: 'random' })
const RING = balancedBy({ kind: 'ring-hash', minimumSize: 1024, maximumSize: 65_536 })
const MAGLEV = balancedBy({ kind: 'maglev', tableSize: 65_537 })
const ALL = {
  'round-robin': ROUND_ROBIN,
  random: RANDOM,
  'least-request': LEAST_REQUEST,
  ewma: PEAK_EWMA,
  RING,
  MAGLEV,
}

const clock = new ManualClock(1_000_000)
const at = (port: number, change: Partial<Endpoint> = {}, policy: BalancingPolicy = PEAK_EWMA.policy) =>
  new FakeTarget(port, policy, clock, change)

function standing(target: FakeTarget, standing: Standing, certain: Standing = standing): FakeTarget {
  Object.assign(target.health, { standing, certain })
  return target
}

function picker(targets: readonly FakeTarget[], balancing: Balancing, random: () => number = seeded(1)) {
  return new Picker(targets, { balancing, own: undefined, chance: { random, clock } })
}

/** Ports of so many picks. */
function picks(of: Picker<FakeTarget>, count: number, tried?: readonly FakeTarget[]): (number | undefined)[] {
  return Array.from({ length: count }, (_, i) => of.pick(tried, i)?.endpoint.port)
}

/** How often each port was picked. */
function counts(of: Picker<FakeTarget>, count: number): Record<number, number> {
  const found: Record<number, number> = {}
  for (let i = 0; i < count; i++) {
    const port = of.pick(undefined, undefined)?.endpoint.port ?? 0
    found[port] = (found[port] ?? 0) + 1
  }
  return found
}

/** Gives these numbers, one after the other, again and again. */
function sequence(...numbers: number[]): () => number {
  let next = 0
  return () => numbers[next++ % numbers.length] as number
}

t.test('round robin gives everyone its turn, from a random start', async (t) => {
  const targets = [at(1), at(2), at(3)]
  t.same(
    picks(
      picker(targets, ROUND_ROBIN, () => 0),
      6,
    ),
    [2, 3, 1, 2, 3, 1],
  )
  t.same(
    picks(
      picker(targets, ROUND_ROBIN, () => 0.9),
      3,
    ),
    [1, 2, 3],
  )
})

t.test('round robin gives turns by weight, and mixes them', async (t) => {
  const targets = [at(1, { weight: 5 }), at(2), at(3, { weight: 2 })]
  const longest = /1{4}/
  for (const seed of [1, 2, 3]) {
    const given = picks(picker(targets, ROUND_ROBIN, seeded(seed)), 800)
    const times = [1, 2, 3].map((port) => given.filter((one) => one === port).length)
    for (const [i, wanted] of [500, 100, 200].entries())
      t.ok(Math.abs((times[i] as number) - wanted) <= 2, `${times.join()} of seed ${seed}`)
    t.notMatch(given.join(''), longest, 'never four turns in a row')
  }
})

t.test('random draws by weight', async (t) => {
  const targets = [at(1, { weight: 3 }), at(2), at(3, { weight: 6 })]
  t.same(picks(picker(targets, RANDOM, sequence(0, 0.29, 0.3, 0.39, 0.4, 0.99)), 6), [1, 1, 2, 2, 3, 3])
})

t.test('least request takes the least busy of those that it compares', async (t) => {
  const targets = [at(1), at(2), at(3), at(4)]
  targets.slice(0, 3).forEach((target, i) => {
    for (let busy = 0; busy <= i; busy++) target.begin()
  })
  const two = counts(picker(targets, LEAST_REQUEST), 12_000)
  // Of two, the worst is never taken; the best of four is in half of the pairs.
  t.equal(two[3], undefined)
  t.ok(Math.abs((two[4] ?? 0) - 6000) < 300, JSON.stringify(two))
  const choices = { ...LEAST_REQUEST.policy, choices: 4 } as BalancingPolicy
  const four = counts(picker(targets, balancedBy(choices)), 12_000)
  t.ok((four[4] ?? 0) > 8000, JSON.stringify(four))
})

t.test('least request with weights gives turns by weight and by what runs, as Envoy says', async (t) => {
  const [a, b] = [at(1), at(2, { weight: 4 })]
  const even = counts(picker([a, b], LEAST_REQUEST), 1000)
  t.ok(Math.abs((even[2] ?? 0) - 800) <= 2, JSON.stringify(even))
  for (let i = 0; i < 3; i++) b.begin()
  // 1 / 1 to 4 / 4.
  const busy = counts(picker([a, b], LEAST_REQUEST), 1000)
  t.ok(Math.abs((busy[2] ?? 0) - 500) <= 2, JSON.stringify(busy))
  const bias = (activeRequestBias: number): Balancing =>
    balancedBy({ ...LEAST_REQUEST.policy, activeRequestBias } as BalancingPolicy)
  const none = counts(picker([a, b], bias(0)), 1000)
  t.ok(Math.abs((none[2] ?? 0) - 800) <= 2, 'without a bias by weight alone')
  const twice = counts(picker([a, b], bias(2)), 1000)
  t.ok(Math.abs((twice[2] ?? 0) - 200) <= 2, '1 / 1 to 4 / 16')
})

t.test('peak EWMA: equals share by weight, the slower and the busier of two are left alone', async (t) => {
  const weights = [at(1), at(2, { weight: 3 })]
  const shares = counts(picker(weights, PEAK_EWMA), 10_000)
  t.ok(Math.abs((shares[2] ?? 0) - 7500) < 200, JSON.stringify(shares))
  const [fast, slow] = [at(1), at(2)]
  const answered = (target: FakeTarget, ms: number): void => {
    const request = target.begin()
    clock.advance(ms)
    target.end(request)
  }
  answered(slow, 100)
  answered(fast, 10)
  const of = picker([fast, slow], PEAK_EWMA)
  t.same(counts(of, 100), { 1: 100 })
  for (let i = 0; i < 8; i++) fast.begin()
  t.same(counts(of, 100), { 1: 100 }, 'nine of 10 ms are better than one of 100 ms')
  fast.begin()
  fast.begin()
  t.same(counts(of, 100), { 2: 100 })
})

t.test('parts of a millisecond do not decide', async (t) => {
  const targets = [0.2, 0.5, 0.9].map((ms, index) => {
    const target = at(index + 1)
    const request = target.begin()
    clock.advance(ms)
    target.end(request)
    return target
  })
  const shares = counts(picker(targets, PEAK_EWMA), 9000)
  for (const port of [1, 2, 3])
    t.ok(Math.abs((shares[port] ?? 0) - 3000) < 300, `${port}: ${JSON.stringify(shares)}`)
})

t.test('whoever fails at once attracts nothing, and comes back', async (t) => {
  const targets = [at(1), at(2), at(3)]
  const of = picker(targets, PEAK_EWMA)
  const fails = new Set([1])
  const round = (requests: number): number => {
    let failed = 0
    for (let i = 0; i < requests; i++) {
      const target = of.pick(undefined, undefined) as FakeTarget
      const request = target.begin()
      const bad = fails.has(target.endpoint.port)
      if (!bad) clock.advance(10)
      target.end(request, bad ? 500 : 200)
      if (bad) failed++
    }
    return failed
  }
  const failed = round(300)
  t.ok(failed <= 3, `${failed} of 300 failed`)
  fails.clear()
  clock.advance(120_000)
  round(300)
  const shares = counts(of, 300)
  t.ok((shares[1] ?? 0) > 30, `it has its share again: ${JSON.stringify(shares)}`)
})

t.test('nobody starves: who is left alone is tried again', async (t) => {
  const targets = [at(1), at(2), at(3)]
  const of = picker(targets, PEAK_EWMA)
  const last = new Map<number, number>()
  let longest = 0
  for (let i = 0; i < 60_000; i++) {
    const target = of.pick(undefined, undefined) as FakeTarget
    const { port } = target.endpoint
    longest = Math.max(longest, clock.now() - (last.get(port) ?? clock.now()))
    last.set(port, clock.now())
    const request = target.begin()
    clock.advance(port === 1 ? 2000 : 5)
    target.end(request)
  }
  t.equal(last.size, 3)
  t.ok(longest < 100_000, `one waited for ${longest} ms`)
})

t.test('opaque connections and streams are no requests in flight', async (t) => {
  for (const balancing of [LEAST_REQUEST, PEAK_EWMA]) {
    const [a, b] = [at(1), at(2)]
    a.load.connections = 4
    const streams = Array.from({ length: 4 }, () => a.begin())
    for (const stream of streams) a.load.end(stream)
    const of = picker([a, b], balancing)
    const shares = counts(of, 10_000)
    t.ok(Math.abs((shares[1] ?? 0) - 5000) < 300, JSON.stringify(shares))
    t.equal(of.pick(undefined, undefined, 'connection'), b, 'a new connection goes where fewer are')
  }
})

t.test('slow start: a new endpoint gets its share bit by bit, an idle set lets it not starve', async (t) => {
  const slowStart = { windowMs: 10_000, aggression: 1, minimumPercent: 10 }
  const policies: BalancingPolicy[] = [
    { ...PEAK_EWMA.policy, slowStart } as BalancingPolicy,
    { ...LEAST_REQUEST.policy, slowStart } as BalancingPolicy,
    { kind: 'round-robin', slowStart },
  ]
  for (const policy of policies) {
    const [a, b, c] = [at(1), at(2), at(3)]
    c.inUseSince = clock.now()
    const of = picker([a, b, c], balancedBy(policy))
    const share = (): number => (counts(of, 9000)[3] ?? 0) / 9000
    // A tenth, then half of the weight of the others.
    let found = share()
    t.ok(Math.abs(found - 0.1 / 2.1) < 0.02, `${policy.kind} begins with ${found}`)
    clock.advance(5000)
    found = share()
    t.ok(Math.abs(found - 0.5 / 2.5) < 0.03, `${policy.kind} half way: ${found}`)
    clock.advance(5000)
    found = share()
    t.ok(Math.abs(found - 1 / 3) < 0.03, `${policy.kind} at the end: ${found}`)
  }
})

t.test('a standing decides: the last resort only if no other is left, the avoided never', async (t) => {
  for (const [name, balancing] of Object.entries(ALL)) {
    const healthy = at(1)
    const draining = standing(at(2, { health: 'draining' }), 'last-resort')
    const unhealthy = standing(at(3, { health: 'unhealthy' }), 'avoid')
    const weightless = at(4, { weight: 0 })
    const of = (...targets: FakeTarget[]): Picker<FakeTarget> => picker(targets, balancing)
    t.same(picks(of(weightless, unhealthy, draining, healthy), 2), [1, 1], name)
    t.same(picks(of(weightless, unhealthy, draining), 2), [2, 2], name)
    t.same(picks(of(weightless, unhealthy), 1), [undefined], name)
    t.equal(of().size, 0)
  }
})

t.test('another than those tried, while there is one', async (t) => {
  for (const [name, balancing] of Object.entries(ALL)) {
    const targets = Array.from({ length: 40 }, (_, i) =>
      at(i + 1, i === 39 ? { weight: 1 } : { weight: 100 }),
    )
    const last = targets[39] as FakeTarget
    const of = picker(targets, balancing, () => 0)
    t.same(picks(of, 3, targets.slice(0, 39)), [40, 40, 40], name)
    t.ok(of.pick(targets, 7), 'all were tried: any')
    t.not(of.pick([last], 7), last)
  }
})

t.test(
  'what may be wrong of many counts no more where it is said of most: the panic threshold',
  async (t) => {
    const three = (): FakeTarget[] => [at(1), at(2), at(3), at(4)]
    const judged = (count: number): FakeTarget[] =>
      three().map((target, i) => (i < count ? standing(target, 'last-resort', 'use') : target))
    t.equal(picker(judged(2), RANDOM).size, 2, 'half of them are enough')
    t.equal(picker(judged(3), RANDOM).size, 4)
    t.equal(picker(judged(3), { ...RANDOM, panicThresholdPercent: 20 }).size, 1)
    t.equal(picker(judged(3), { ...RANDOM, panicThresholdPercent: 0 }).size, 1)
    t.equal(picker(judged(4), { ...RANDOM, panicThresholdPercent: 0 }).size, 4, 'nobody else is there')
    const silent = three().map((target, i) => (i < 3 ? standing(target, 'last-resort') : target))
    t.equal(picker(silent, RANDOM).size, 1, 'of a silent one there is no doubt')
    const leaving = three().map((target, i) =>
      i < 3 ? standing(at(i + 1, { health: 'draining' }), 'last-resort') : target,
    )
    t.equal(picker(leaving, RANDOM).size, 1, 'whoever leaves takes nothing new')
  },
)

t.test('priorities: the next one takes what the first one cannot', async (t) => {
  const of = (used: number, second = 2): Picker<FakeTarget> =>
    picker(
      [
        ...Array.from({ length: 10 }, (_, i) => (i < used ? at(i + 1) : standing(at(i + 1), 'last-resort'))),
        ...Array.from({ length: second }, (_, i) => at(100 + i, { priority: 1 })),
      ],
      RANDOM,
    )
  const spill = (some: Picker<FakeTarget>): number => {
    const found = counts(some, 10_000)
    return ((found[100] ?? 0) + (found[101] ?? 0)) / 10_000
  }
  t.equal(spill(of(10)), 0)
  t.equal(spill(of(8)), 0, '8 of 10, 1.4 times, are enough')
  t.ok(Math.abs(spill(of(5)) - 0.3) < 0.02, '5 of 10 carry 70 %')
  t.ok(Math.abs(spill(of(1)) - 0.86) < 0.02)
  t.equal(spill(of(0)), 1)
  t.equal(spill(of(5, 0)), 0, 'there is nobody else')
  const leaving = [at(1), standing(at(2, { health: 'draining' }), 'last-resort'), at(100, { priority: 1 })]
  t.same(counts(picker(leaving, RANDOM), 100), { 1: 100 }, 'that one leaves is no reason to go elsewhere')
})
