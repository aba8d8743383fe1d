import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { RetryBudget } from './retry-budget.ts'

t.test('a floor for quiet services, a share for busy ones, and a window that moves on', async (t) => {
  const clock = new ManualClock(1_000_000)
  const budget = new RetryBudget(20, 1, clock)
  const drained = (): number => {
    let taken = 0
    while (budget.tryRetry()) taken++
    return taken
  }
  t.equal(drained(), 10, 'one a second over ten seconds')
  for (let i = 0; i < 1000; i++) budget.request(clock.now())
  t.equal(drained(), 190, '20 % of 1,000, of which 10 are spent')
  clock.advance(5000)
  t.equal(drained(), 0, 'still in the window')
  clock.advance(5000)
  t.equal(drained(), 10, 'requests and retries of ten seconds ago are forgotten')
  clock.advance(3_600_000)
  t.equal(drained(), 10, 'also after a long pause')
})

t.test('a changed share counts what was counted before the change', async (t) => {
  const clock = new ManualClock(1_000_000)
  const budget = new RetryBudget(20, 0, clock)
  for (let i = 0; i < 100; i++) budget.request(clock.now())
  for (let i = 0; i < 20; i++) t.ok(budget.tryRetry())
  t.notOk(budget.tryRetry())
  budget.configure(25, 0)
  for (let i = 0; i < 5; i++) t.ok(budget.tryRetry(), '25 of 100 requests')
  t.notOk(budget.tryRetry())
  budget.configure(25, 3)
  for (let i = 0; i < 5; i++) t.ok(budget.tryRetry(), 'three a second over ten seconds')
  t.notOk(budget.tryRetry())
})
