import t from 'tap'
import { forwardTo } from '../testing/static-configuration.ts'
import type { ForwardAction } from '../model/route.ts'
import { WeightedPicks } from './dependencies.ts'

t.test('shares are exact over the picks of one action, and each action has its own', async (t) => {
  const picks = new WeightedPicks(() => 0)
  const actionOf = (weights: Record<string, number>) => forwardTo(weights).action as ForwardAction
  const [action, other] = [actionOf({ a: 1, b: 3 }), actionOf({ a: 1, b: 3 })]
  const picked = Array.from({ length: 8 }, () => picks.next(action))
  t.equal(picked.filter((index) => index === 0).length, 2)
  t.same(
    picked.slice(0, 4),
    Array.from({ length: 4 }, () => picks.next(other)),
  )
  t.equal(picks.next(actionOf({ a: 0 })), 0)
})
