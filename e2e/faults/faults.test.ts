import t from 'tap'
import { parseFaultFlags } from './flags.ts'
import { SCENARIOS } from './scenarios.ts'

// Of the file, where no runner says another.
t.setTimeout(300_000)

const REQUESTS = 1000
const SEED = 7

for (const { name, claim, run } of SCENARIOS)
  t.test(`${name}: ${claim}`, async (t) => {
    const finding = await run(REQUESTS, SEED)
    t.comment(JSON.stringify(finding))
    t.ok(finding.ok, JSON.stringify(finding))
  })

t.test('flags', async (t) => {
  t.match(parseFaultFlags([], ['a']), { requests: 100_000, seed: 1, only: [], json: false })
  t.match(parseFaultFlags(['--only', 'a', '--requests', '500', '--seed', '3'], ['a']), {
    requests: 500,
    seed: 3,
    only: ['a'],
  })
  t.throws(() => parseFaultFlags(['--only', 'b'], ['a']), /--only b: there is a/)
  t.throws(() => parseFaultFlags(['--requests', '0'], ['a']), /--requests/)
  t.throws(() => parseFaultFlags(['--sed', '1'], ['a']), /--sed/)
})
