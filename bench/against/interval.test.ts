import fc from 'fast-check'
import t from 'tap'
import { medianInterval, verdictOf } from './interval.ts'

t.test('the interval holds 95 % of what a coin gives, by the tables of the sign test', (t) => {
  const of = (count: number) => medianInterval(Array.from({ length: count }, (_, at) => at + 1))
  t.same(of(5), { middle: 3, low: 0, high: Infinity }, 'five say nothing: 2 * 0.5 ** 5 > 0.05')
  t.same(of(6), { middle: 3.5, low: 1, high: 6 })
  t.same(of(8), { middle: 4.5, low: 1, high: 8 })
  t.same(of(9), { middle: 5, low: 2, high: 8 })
  t.same(of(10), { middle: 5.5, low: 2, high: 9 })
  t.same(of(20), { middle: 10.5, low: 6, high: 15 })
  t.end()
})

t.test(
  'holds for values in any order, and one that is far off moves none of its ends beyond a neighbour',
  (t) => {
    const ratios = fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), { minLength: 9, maxLength: 30 })
    fc.assert(
      fc.property(ratios, (values) => {
        const { middle, low, high } = medianInterval(values)
        const disturbed = medianInterval([...values.toSorted((a, b) => a - b).slice(0, -1), 1000])
        return low <= middle && middle <= high && disturbed.high < 1000
      }),
    )
    t.end()
  },
)

t.test('says what it does not know', (t) => {
  t.equal(verdictOf({ middle: 1, low: 0.98, high: 1.02 }, 0.02), 'no worse')
  t.equal(verdictOf({ middle: 1.1, low: 1.03, high: 1.2 }, 0.02), 'worse')
  t.equal(verdictOf({ middle: 1, low: 0.9, high: 1.1 }, 0.02), 'undecided')
  t.equal(verdictOf(medianInterval([]), 0.02), 'undecided')
  t.end()
})
