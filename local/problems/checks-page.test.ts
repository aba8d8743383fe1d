import { readFileSync } from 'node:fs'
import t from 'tap'
import { CHECKS_PAGE, withChecks } from './checks-page.ts'

t.test('the page has all checks: node local/problems/checks-page.ts writes it', async (t) => {
  const page = readFileSync(CHECKS_PAGE, 'utf8')
  t.equal(withChecks(page), page)
})
