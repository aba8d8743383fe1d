import t from 'tap'
import { findLacks, thisMachine } from '../../local/requirements.ts'
import { ATTACKS } from './attacks/index.ts'
import { parseAttackFlags } from './flags.ts'
import { playAttacks } from './play.ts'
import { reportTable } from './report.ts'
import { judge } from './verdict.ts'
import type { HonestReport } from './verdict.ts'

const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

// Of the file, where no runner says another.
t.setTimeout(300_000)

const fine: HonestReport = { calm_ms: 20, requests: 400, failed: 0, errors: {}, stall_ms: 40 }
const attack = { name: 'any', growthMib: 64 }
const steady = { before: 80, after: 90 }

t.test('what counts as held', async (t) => {
  t.strictSame(judge(attack, fine, steady, []), {
    name: 'any',
    ok: true,
    honest_requests: 400,
    honest_failed: 0,
    stall_ms: 40,
    rss_mib: 90,
    growth_mib: 10,
    problems: [],
  })
  const one = judge(attack, { ...fine, failed: 1, errors: { 503: 1 } }, steady, [])
  t.match(one, { ok: false, honest_failed: 1, problems: ['honest requests failed: {"503":1}'] })
  t.equal(judge(attack, { ...fine, requests: 0 }, steady, []).ok, false, 'nobody was there to be hurt')
  t.equal(judge(attack, { ...fine, stall_ms: 2900 }, steady, []).ok, false)
  t.equal(judge(attack, { ...fine, stall_ms: 2900, calm_ms: 600 }, steady, []).ok, true, 'a busy machine')
  t.equal(judge(attack, fine, { before: 80, after: 145 }, []).ok, false)
  t.equal(judge(attack, fine, steady, ['read a forged identity']).ok, false)
})

t.test('the table says what did not hold', async (t) => {
  const name = 'forged-identity'
  const table = reportTable(
    { ok: false, attacks: [judge({ name, growthMib: 64 }, fine, steady, ['it was believed'])] },
    ATTACKS,
  )
  t.match(table, /forged-identity +400 +0 +40 ms +90 MiB +10 MiB +NO\n/)
  t.match(table, /NOT OK: it was believed/)
  t.match(table, /0 of 1 held: NOT OK/)
})

t.test('flags', async (t) => {
  const names = ATTACKS.map((one) => one.name)
  t.equal(new Set(names).size, names.length)
  t.match(parseAttackFlags(['--json', '--only', 'pattern'], names), { json: true, only: ['pattern'] })
  t.throws(() => parseAttackFlags(['--only', 'none'], names), { message: /forged-identity/ })
  t.throws(() => parseAttackFlags(['--what'], names), { code: 'cli.flags' })
})

t.test('the short form holds', { skip, timeout: 300_000 }, async (t) => {
  const short = ATTACKS.filter((one) => one.short)
  const report = await playAttacks(short, (line) => t.comment(line))
  for (const { name, problems } of report.attacks) t.strictSame(problems, [], name)
  t.equal(report.attacks.length, short.length)
})
