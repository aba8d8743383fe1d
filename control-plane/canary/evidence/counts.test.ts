import t from 'tap'
import type { CanaryObject } from '../../registry/kinds/canary.ts'
import type { OwnedRules } from '../route-shape.ts'
import { CountReader, type SeriesTotals } from './counts.ts'

const CANARY = {
  kind: 'Canary',
  meta: { namespace: 'shop', name: 'catalog' },
  spec: {
    route: { kind: 'HTTPRoute', name: 'catalog' },
    stable: { name: 'v1', port: 80 },
    canary: { name: 'v2', port: 80 },
  },
} as CanaryObject
const RULES: OwnedRules = {
  indexes: [0],
  testerIndexes: [1],
  shape: { weight: 10, mirrorPercent: 0, testers: true },
}
const STABLE = 'callers ["HTTPRoute/shop/catalog/0","shop/v1/80"]'
const NEW = 'callers ["HTTPRoute/shop/catalog/0","shop/v2/80"]'
const TESTERS = 'callers ["HTTPRoute/shop/catalog/1","shop/v2/80"]'

const series = (replica: string, name: string, judged: number, failed = 0): SeriesTotals => ({
  replica,
  series: name,
  judged,
  failed,
  durations: [judged],
})

t.test('what was there before is no evidence; then increases, of all replicas, count once', async (t) => {
  let now = [series('', STABLE, 1000, 50)]
  let asked: readonly string[] = []
  const reader = new CountReader({
    totals(names) {
      asked = names
      return Promise.resolve(now)
    },
  })
  const read = () => reader.read(CANARY, RULES, false)
  t.match(await read(), { stable: { judged: 0 }, canary: { judged: 0 } })
  t.ok([STABLE, NEW, TESTERS, 'servers v1.shop', 'servers v2.shop'].every((one) => asked.includes(one)))
  now = [
    series('', STABLE, 1010, 51),
    series('', NEW, 5, 1),
    series('b', NEW, 7),
    series('b', TESTERS, 3),
    series('', 'servers v2.shop', 99),
  ]
  t.match(await read(), {
    stable: { judged: 10, failed: 1, durations: [10] },
    canary: { judged: 15, failed: 1, durations: [15] },
  })
  t.match(await read(), { stable: { judged: 0 }, canary: { judged: 0 } })
  now = [series('', STABLE, 4), series('', NEW, 6, 1)]
  t.match(
    await read(),
    { stable: { judged: 0 }, canary: { judged: 1 } },
    'a replica that forgot says nothing',
  )
  now = [series('', STABLE, 9)]
  t.match(await read(), { stable: { judged: 5 } }, 'but goes on from there')
})

t.test('copies are counted by who served them', async (t) => {
  let now: SeriesTotals[] = []
  const reader = new CountReader({ totals: () => Promise.resolve(now) })
  await reader.read(CANARY, RULES, true)
  now = [series('', 'servers v1.shop', 10), series('', 'servers v2.shop', 9, 2), series('', NEW, 50)]
  t.match(await reader.read(CANARY, RULES, true), {
    stable: { judged: 10 },
    canary: { judged: 9, failed: 2 },
  })
})
