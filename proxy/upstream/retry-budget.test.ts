import t from 'tap'
import { RetryBudget } from './retry-budget.ts'

t.test('a floor for quiet services, a share for busy ones, and a window that moves on', async (t) => {
  let now = 1_000_000
  const budget = new RetryBudget(20, 1, () => now)
  const drained = (): number => {
    let taken = 0
    while (budget.tryRetry()) taken++
    return taken
  }
  t.equal(drained(), 10, 'one a second over ten seconds')
  for (let i = 0; i < 1000; i++) budget.request()
  t.equal(drained(), 190, '20 % of 1,000, of which 10 are spent')
  now += 5000
  t.equal(drained(), 0, 'still in the window')
  now += 5000
  t.equal(drained(), 10, 'requests and retries of ten seconds ago are forgotten')
  now += 3_600_000
  t.equal(drained(), 10, 'also after a long pause')
})
