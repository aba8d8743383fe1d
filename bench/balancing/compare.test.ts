import t from 'tap'
import { LEAST_REQUEST } from '../../proxy/testing/static-configuration.ts'
import { compare, missed, tableOf } from './compare.ts'
import { parseOptions } from './options.ts'
import { replay } from './replay.ts'
import { SCENARIOS } from './scenarios.ts'

t.test('peak EWMA is as fast as the better of the others, and half of their failures are none', async (t) => {
  const rows = compare({ seconds: 10, rate: 2500, seeds: 1 })
  t.equal(rows.length, SCENARIOS.length * 3)
  // Of one short replay; the command holds five long ones to 3 %.
  t.same(missed(rows, 1.1), [])
  const bad = rows.find(
    ({ scenario, balancing }) => scenario === 'all of these' && balancing === 'least request',
  )
  t.ok((bad?.failedPercent ?? 0) > 10, 'who fails at once attracts traffic where only what runs is counted')
  t.match(tableOf(rows), /\| one of ten fails at once \| round robin +\| (9|10)\.\d\d % \|/)
  const worse = rows.map((row) =>
    row.balancing === 'peak EWMA' ? { ...row, p99Ms: 1e6, failedPercent: 50 } : row,
  )
  t.equal(missed(worse, 1.1).length, SCENARIOS.length * 2)
})

t.test('a replay with the same seed is the same', async (t) => {
  const scenario = { ...(SCENARIOS[4] as (typeof SCENARIOS)[number]), seconds: 1 }
  t.same(replay(scenario, LEAST_REQUEST, 3), replay(scenario, LEAST_REQUEST, 3))
  t.not(replay(scenario, LEAST_REQUEST, 3).p99Ms, replay(scenario, LEAST_REQUEST, 4).p99Ms)
})

t.test('flags', async (t) => {
  t.same(parseOptions([]), { seconds: 30, rate: 2500, seeds: 5, json: false, document: false })
  t.equal(parseOptions(['--help']), 'help')
  t.throws(() => parseOptions(['--rate', '0']), { message: /^--rate must be a whole number from 1 to 5000/ })
  t.throws(() => parseOptions(['--nope']), { message: /--nope/ })
})
