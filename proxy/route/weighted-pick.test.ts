import fc from 'fast-check'
import t from 'tap'
import { WeightedPick } from './weighted-pick.ts'

t.test('after any number of picks each choice is within one of its share', async () => {
  fc.assert(
    fc.property(
      fc
        .array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 6 })
        .filter((all) => all.some((w) => w > 0)),
      fc.integer({ min: 1, max: 500 }),
      (weights, picks) => {
        const pick = new WeightedPick(weights, () => 0)
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        const counts = weights.map(() => 0)
        for (let i = 0; i < picks; i++) counts[pick.next()]!++
        // The smooth round robin's discrepancy grows with the number of choices, not with the picks.
        return counts.every(
          (count, i) => Math.abs(count - (picks * weights[i]!) / total) <= weights.length / 2 + 0.5,
        )
      },
    ),
  )
})

t.test('a period of picks is exact, wherever it starts', async (t) => {
  for (const random of [0, 0.37, 0.99]) {
    const pick = new WeightedPick([90, 10], () => random)
    const counts = [0, 0]
    for (let i = 0; i < 2000; i++) counts[pick.next()]!++
    t.same(counts, [1800, 200])
  }
})

t.test('weight 0 is never taken, and nothing at all gives -1', async (t) => {
  const pick = new WeightedPick([0, 1])
  for (let i = 0; i < 10; i++) t.equal(pick.next(), 1)
  t.equal(new WeightedPick([0, 0]).next(), -1)
})
