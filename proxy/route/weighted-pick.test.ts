import fc from 'fast-check'
import t from 'tap'
import { seeded } from '../testing/seeded-random.ts'
import { WeightedPick } from './weighted-pick.ts'

t.test('after any number of picks each choice is near its share, 2,000 are within 2 points', async () => {
  fc.assert(
    fc.property(
      fc
        .array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 6 })
        .filter((all) => all.some((w) => w > 0)),
      fc.integer({ min: 1, max: 2000 }),
      fc.integer(),
      (weights, picks, seed) => {
        const pick = new WeightedPick(weights, seeded(seed))
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        const counts = weights.map(() => 0)
        for (let i = 0; i < picks; i++) counts[pick.next()]!++
        // A quarter of a block is the most that an order in it can put off; the smooth round robin adds its own.
        return counts.every(
          (count, i) => Math.abs(count - (picks * weights[i]!) / total) <= 25 + weights.length / 2 + 0.5,
        )
      },
    ),
  )
})

t.test('a period of picks is exact, in whatever order', async (t) => {
  for (const random of [() => 0, () => 0.37, () => 0.99, seeded(1)]) {
    const pick = new WeightedPick([90, 10], random)
    for (let period = 0; period < 200; period++) {
      const counts = [0, 0]
      for (let i = 0; i < 10; i++) counts[pick.next()]!++
      t.same(counts, [9, 1])
    }
  }
})

t.test(
  'a caller who sends his requests by turns has the share of the weights for each of them',
  async (t) => {
    const eachTurn = 500
    for (const weights of [
      [50, 50],
      [80, 20],
      [90, 10],
      [99, 1],
      [333, 667],
      [999, 1],
      [60, 30, 10],
    ]) {
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      for (let period = 2; period <= 20; period++) {
        const pick = new WeightedPick(weights, seeded(period))
        const counts = Array.from({ length: period }, () => weights.map(() => 0))
        for (let i = 0; i < period * eachTurn; i++) counts[i % period]![pick.next()]!++
        const off = counts.flatMap((turn) =>
          turn.map((count, i) => {
            const share = weights[i]! / total
            // In deviations of a coin that is thrown for each request; 4 happen to one of 15,000, and one is the least.
            return (Math.abs(count - eachTurn * share) - 1) / Math.sqrt(eachTurn * share * (1 - share))
          }),
        )
        t.ok(Math.max(...off) < 4, `${weights.join('/')} and a caller of ${period} turns`)
      }
    }
  },
)

t.test('weight 0 is never taken, and nothing at all gives -1', async (t) => {
  const pick = new WeightedPick([0, 1])
  for (let i = 0; i < 10; i++) t.equal(pick.next(), 1)
  t.equal(new WeightedPick([0, 0]).next(), -1)
})

t.test('proxies do not all begin with the same choice', async (t) => {
  for (const weights of [
    [1, 1],
    [501, 500],
  ]) {
    const first = Array.from({ length: 50 }, (_, seed) => new WeightedPick(weights, seeded(seed)).next())
    t.ok(first.includes(0) && first.includes(1))
  }
})
