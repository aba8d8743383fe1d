import t from 'tap'
import { helpText } from './options.ts'
import { reportOf, reportTable } from './report.ts'
import { readSummary } from './suites/connect.ts'
import { SUITES } from './suites.ts'

const passed = { passed: true, said: '' }
const failed = { passed: false, said: 'exit 1: no answer' }

t.test('--help has every suite', async (t) => {
  for (const { name } of SUITES) t.match(helpText(SUITES), new RegExp(`^  ${name} `, 'm'))
})

t.test('a case that ends differently fails, one that fails on both ways does not', async (t) => {
  const cases = [
    { name: 'unary', direct: passed, pair: passed },
    { name: 'known', direct: failed, pair: failed },
    { name: 'drain', pair: { passed: true, said: '0.3 s' } },
  ]
  const same = reportOf([{ suite: 'one', seconds: 1, cases }], 1)
  t.match(same, { ok: true, suites: [{ cases: 3, direct: { cases: 2, passed: 1 }, pair: { passed: 2 } }] })
  t.match(reportTable(same), /^one +3 +1 of 2 +2 +1\.0 +yes$/m)
  t.match(reportTable(same), /one: drain: 0\.3 s\none: fail on both ways: known/)
  for (const differs of [
    { name: 'pair', direct: passed, pair: failed },
    { name: 'direct', direct: failed, pair: passed },
    { name: 'alone', pair: failed },
  ]) {
    const report = reportOf([{ suite: 'one', seconds: 1, cases: [...cases, differs] }], 1)
    t.match(report, { ok: false, suites: [{ ok: false, differ: [differs] }] })
    t.match(reportTable(report), new RegExp(`DIFFERS: ${differs.name}`))
  }
  t.equal(reportOf([{ suite: 'none', seconds: 1, cases: [] }], 1).ok, false, 'nor one that ran nothing')
})

t.test("connectconformance's report", async (t) => {
  const output = (last: string): string => `Running 3 tests with reference client...
FAILED: Client Cancellation/HTTPVersion:1/TLS:false/unary/ok:
\texpecting 1 message
\tgot 0
FAILED: Basic/HTTPVersion:2/TLS:false/unary/ok:
\tno answer

Total cases: 5
3 passed, 2 failed
${last}`
  const failed = [
    ['Client Cancellation/HTTPVersion:1/TLS:false/unary/ok', 'expecting 1 message | got 0'],
    ['Basic/HTTPVersion:2/TLS:false/unary/ok', 'no answer'],
  ]
  const summary = readSummary(output(''))
  t.equal(summary?.cases, 5)
  t.strictSame([...(summary?.failed ?? [])], failed)
  const short = readSummary(
    output('Another 7 could not be run due to client timing out or exiting prematurely.\n'),
  )
  t.strictSame([...(short?.failed ?? [])], [...failed, ['all are run', '7 could not be']])
  const nameless = readSummary('Total cases: 5\n3 passed, 2 failed\n')
  t.strictSame([...(nameless?.failed ?? [])], [['all failures have a name', '2 have none']])
  t.equal(readSummary('error: no such file'), undefined)
})
