import t from 'tap'
import { findLacks, thisMachine } from '../../local/requirements.ts'
import { startStormCluster } from './cluster.ts'
import { parseChaosFlags } from './flags.ts'
import type { Kind, Outcome, Result } from './outcome.ts'
import { FAULTS, plan } from './plan.ts'
import { chaosTable } from './report.ts'
import { storm } from './storm.ts'
import { holds, Tally } from './tally.ts'

const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

const take = (seed: number, count: number) => {
  const faults = plan(seed)
  return Array.from({ length: count }, () => faults.next().value)
}

t.test('the same seed plays the same faults, every one in each round', async (t) => {
  const names = Object.keys(FAULTS).sort()
  t.same(take(7, 100), take(7, 100))
  t.notSame(take(7, 100), take(8, 100))
  for (let round = 0; round < 3; round++)
    t.same(
      take(7, 33)
        .slice(round * 11, round * 11 + 11)
        .map(({ name }) => name)
        .sort(),
      names,
    )
})

function outcome(kind: Kind, number: number, at: number, result: Result = 'ok', ms = 10): Outcome {
  return { kind, number, at, ms, result }
}

t.test('what fails is put to the fault that was at work, and judged by what that may do', async (t) => {
  const tally = new Tally({ steady: 0, shaken: 100 })
  tally.add('steady', outcome('read', 0, 1000))
  tally.begins('sidecar killed', 2000)
  tally.add('steady', outcome('unary', 1, 1990, 'failed', 500))
  tally.add('steady', outcome('stream', 2, 2100, 'cut', 700))
  tally.begins('control plane killed', 5000)
  tally.add('shaken', outcome('read', 100, 5100, 'failed'))
  const [calm, killed, control] = tally.rows
  t.match(calm, { fault: 'nothing', uses: 1, failed: 0 })
  t.match(killed, { uses: 2, failed: 1, cut: 1, longestMs: 700, longestReadMs: 0 })
  t.match(control, { uses: 1, avoidable: 0 }, 'the caller whose own sidecar is killed may fail')
  t.ok(tally.rows.every(holds))
  tally.add('steady', outcome('webSocket', 3, 5200, 'failed'))
  tally.begins('application killed', 5500)
  const why = '503 weft; details="upstream_connect_failure{ECONNREFUSED}"'
  tally.add('steady', { ...outcome('webSocket', 3, 5600, 'failed'), why })
  tally.begins('partition', 6000)
  tally.add('steady', outcome('read', 4, 6100, 'failed'))
  tally.begins('route edited', 7000)
  tally.add('steady', outcome('write', 5, 7100, 'failed'))
  tally.begins('injector killed', 8000)
  tally.add('shaken', outcome('read', 101, 8100, 'wrong'))
  t.same(tally.rows.map(holds), [true, true, false, false, false, false, false])
})

t.test(
  'a write that was answered is lost if nobody logged it, and repeated if it was logged twice',
  async (t) => {
    const tally = new Tally({ steady: 0, shaken: 100 })
    for (const number of [0, 1, 2]) tally.add('steady', outcome('write', number, number))
    tally.add('steady', outcome('write', 3, 3, 'failed'))
    tally.add('steady', outcome('write', 4, 4, 'failed'))
    tally.add('shaken', outcome('write', 100, 5, 'cut'))
    tally.wrote([0, 2, 2, 4, 100, 100, 100])
    t.match(tally.rows[0], { lost: 1, repeated: 3 })
  },
)

t.test('a fault is over when all that was begun before is', async (t) => {
  const tally = new Tally({ steady: 0, shaken: 100 })
  t.notOk(tally.settled(1))
  tally.add('shaken', outcome('read', 100, 50))
  tally.add('steady', outcome('read', 1, 40))
  t.notOk(tally.settled(30), 'the first still runs')
  tally.add('steady', outcome('read', 0, 20))
  t.ok(tally.settled(40))
  t.notOk(tally.settled(41))
})

t.test('flags', async (t) => {
  t.match(parseChaosFlags(['--seed', '7']), { seed: 7, seconds: 120, rate: 30, json: false, help: false })
  t.throws(() => parseChaosFlags(['--seconds', '4']), { code: 'cli.flags', message: /--seconds must be/ })
  t.throws(() => parseChaosFlags(['--rate', 'x']), { message: /--rate must be/ })
  t.throws(() => parseChaosFlags(['more']), { code: 'cli.flags' })
})

t.test('a short storm', { skip, timeout: 300_000 }, async (t) => {
  const cluster = await startStormCluster({ onProgress: () => {} })
  t.teardown(() => cluster.close())
  const report = await storm(cluster, {
    seed: 9,
    seconds: 0,
    atLeast: 3,
    rate: 15,
    signal: new AbortController().signal,
    onProgress: () => {},
  })
  t.ok(report.ok, chaosTable(report))
  const uses = report.rows.reduce((sum, row) => sum + row.uses, 0)
  t.ok(uses > 100, `${uses} uses`)
  t.equal(report.rows.length, 4, 'the time before, and three faults')
})
