import t from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { balancedBy } from '../../testing/static-configuration.ts'
import { HashTables, orderForHash } from './hash-tables.ts'
import { FakeTarget } from './testing/fake-target.ts'

const MAGLEV = balancedBy({ kind: 'maglev', tableSize: 251 }).policy
const RING = balancedBy({ kind: 'ring-hash', minimumSize: 64, maximumSize: 1024 }).policy
const clock = new ManualClock()
const at = (port: number, weight = 1) => new FakeTarget(port, MAGLEV, clock, { weight })
const weightOf = ({ endpoint }: { endpoint: { weight: number } }): number => endpoint.weight

t.test('a table is made anew for other members, weights or settings, and for nothing else', async (t) => {
  const tables = new HashTables()
  const targets = [at(1), at(2), at(3)]
  for (const policy of [MAGLEV, RING]) {
    const made = tables.table(0, policy, targets, weightOf)
    Object.assign(targets[0] as FakeTarget, { health: { standing: 'last-resort', certain: 'last-resort' } })
    t.equal(tables.table(0, policy, targets, weightOf), made, 'health changes nothing')
    t.equal(tables.table(0, policy, [at(1), at(2), at(3)], weightOf), made, 'the same addresses')
    t.not(tables.table(0, policy, [at(1), at(2)], weightOf), made)
    t.not(tables.table(0, policy, [at(1), at(2), at(3, 2)], weightOf), made)
    t.not(tables.table(1, policy, targets, weightOf), made, 'of another priority')
  }
  const one = tables.table(0, MAGLEV, targets, weightOf)
  t.not(tables.table(0, balancedBy({ kind: 'maglev', tableSize: 257 }).policy, targets, weightOf), one)
  t.equal(tables.table(0, balancedBy({ kind: 'random' }).policy, targets, weightOf), undefined)
  const kept = tables.table(0, MAGLEV, targets, weightOf)
  tables.keep(new Set([0]))
  t.equal(tables.table(0, MAGLEV, targets, weightOf), kept)
  tables.keep(new Set([1]))
  t.not(tables.table(0, MAGLEV, targets, weightOf), kept)
})

t.test('in whatever order they were learned of, the order is one', async (t) => {
  const targets = [at(3), at(10), at(1)]
  t.same(
    orderForHash(targets).map(({ address }) => address),
    orderForHash(targets.toReversed()).map(({ address }) => address),
  )
})
