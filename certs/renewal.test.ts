import fc from 'fast-check'
import t from 'tap'
import { freshRenewalDelay, isValidAt, renewalDelay } from './renewal.ts'

const HOUR = 3_600_000

t.test('half of the life, a tenth earlier or later', async (t) => {
  const validity = { notBefore: 0, notAfter: 24 * HOUR }
  t.equal(renewalDelay(validity, 0, 0.5), 12 * HOUR)
  t.equal(renewalDelay(validity, 0, 0), 9.6 * HOUR)
  t.ok(renewalDelay(validity, 0, 0.999) < 14.4 * HOUR)
  t.equal(renewalDelay(validity, 10 * HOUR, 0.5), 2 * HOUR)
  t.equal(renewalDelay(validity, 20 * HOUR, 0.5), 0, 'overdue')
  t.equal(renewalDelay({ notBefore: 5, notAfter: 1 }, 9, 0.5), 0, 'a life that ends before it begins')
})

t.test(
  'one that is new, and past half of its life by a clock that is ahead, is never renewed at once',
  async (t) => {
    const validity = { notBefore: 0, notAfter: 600_000 }
    t.equal(freshRenewalDelay(validity, 60_000, 0.5), 240_000, 'as ever')
    t.equal(freshRenewalDelay(validity, 360_000, 0.5), 120_000, 'half of what is left')
    t.equal(freshRenewalDelay(validity, 599_000, 0.5), 1000)
    t.equal(freshRenewalDelay(validity, 900_000, 0.5), 1000, 'over')
  },
)

t.test('always before the end, never negative', async () => {
  fc.assert(
    fc.property(
      fc.nat(1e9),
      fc.nat(1e9),
      fc.double({ min: 0, max: 0.9999, noNaN: true }),
      (life, age, random) => {
        const delay = renewalDelay({ notBefore: 1e12, notAfter: 1e12 + life }, 1e12 + age, random)
        return delay >= 0 && (delay === 0 || age + delay <= life)
      },
    ),
  )
})

t.test('validity has its begin and not its end', async (t) => {
  const validity = { notBefore: 10, notAfter: 20 }
  t.same(
    [9, 10, 19, 20].map((now) => isValidAt(validity, now)),
    [false, true, true, false],
  )
})
