import t from 'tap'
import { noBrowser, openBrowser } from './testing/browser.ts'
import { seedDenials, seedTrace, serveSeededMesh } from './testing/seeded-mesh.ts'

const browserTest = noBrowser === undefined ? {} : { skip: noBrowser }

t.test('the page of the control plane itself, with its headers', browserTest, async (t) => {
  const mesh = await serveSeededMesh({
    problems: () => [
      {
        code: 'WEFT0002',
        file: '/manifests/shop.yaml',
        line: 14,
        column: 7,
        kind: 'HTTPRoute',
        namespace: 'shop',
        name: 'catalog',
        field: 'spec.rules[0].name',
        severity: 'error',
        message: 'must be text, got 1',
        remedy: 'write "1", in quotes',
      },
    ],
  })
  t.teardown(() => mesh.close())
  const traced = seedTrace(mesh.traces, 59, {})
  seedDenials(mesh.decisions, 17)
  const browser = await openBrowser(t.testdir({}), 'light')
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      problems.push(message.text())
  })

  const answer = await page.goto(mesh.url)
  t.match(answer?.headers()['content-security-policy'], /script-src 'self'; style-src 'self';/)
  t.notMatch(
    await answer?.text(),
    /<script(?![^>]*src=)|<style|style=|https?:/,
    'nothing inline, nothing from elsewhere',
  )

  await page.goto(`${mesh.url}/#/mesh`)
  await page.getByText('write "1", in quotes').waitFor()
  await page.getByText('8 of 8 connected').waitFor()
  await page.goto(`${mesh.url}/#/trace/${traced}`)
  await page.locator('.span-row').nth(5).waitFor()
  await page.goto(`${mesh.url}/#/trace/${'1'.repeat(32)}`)
  await page.getByText('No such trace').waitFor()
  await page.goto(`${mesh.url}/#/policy`)
  const refused = page.getByRole('region', { name: 'Refused', exact: true })
  await refused.locator('tbody tr').first().waitFor()
  t.match(await refused.innerText(), /shop\/web\s+pay\.payments:8080[^]*payments\/pay\/0/)
  t.same(problems, [], 'no error and no breach of the content security policy')
})
