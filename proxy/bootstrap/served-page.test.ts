import { readFileSync } from 'node:fs'
import t from 'tap'
import { BOOTSTRAP_PAGE, withServed } from './served-page.ts'

t.test('the page lists what is read, and nothing else', async (t) => {
  const page = readFileSync(BOOTSTRAP_PAGE, 'utf8')
  t.equal(page, withServed(page), 'node proxy/bootstrap/served-page.ts writes it')
})
