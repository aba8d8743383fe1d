import t from 'tap'
import { noBrowser } from './testing/browser.ts'
import { traceId } from './testing/mock/traces.ts'
import { pageFixture, until } from './testing/page-fixture.ts'

const browserTest = noBrowser === undefined ? {} : { skip: noBrowser }
const HOSTILE = `"><img src=x onerror=globalThis.hit=1><script>globalThis.hit=1</script>`

t.test('traces', browserTest, async (t) => {
  const { mesh, open, problems } = await pageFixture(t)

  await t.test('a search is in the address, asked for as such, and says when nothing fits', async (t) => {
    const page = await open('/#/traces')
    await page.locator('.data tbody tr').first().waitFor()
    await page.getByLabel('failed only').check()
    await page.locator('.data tbody tr').nth(10).waitFor({ state: 'detached' })
    t.match(page.url(), /failed=true/)
    await page.getByText('More').click()
    await page.getByLabel('Service').fill('catalog.shop')
    await page.getByLabel('Status').fill('5xx')
    await page.getByLabel('At least, ms').fill('12')
    await page.getByRole('button', { name: 'Search' }).click()
    t.match(page.url(), /service=catalog\.shop&status=5xx&min=12/)
    await until(() =>
      mesh.asked.some((path) =>
        path.startsWith('/api/traces?service=catalog.shop&status=5xx&min=12&failed=true&limit=100'),
      ),
    )
    await page.getByLabel('Service').fill('nobody')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByText('No kept trace fits.').waitFor()
    await page.goBack()
    await page.locator('.data tbody tr').first().waitFor()
    t.equal(await page.getByLabel('Service').inputValue(), 'catalog.shop')
    await page.getByLabel('Trace id').fill(traceId(5))
    await page.getByRole('button', { name: 'Search' }).click()
    await page.locator('.span-row').first().waitFor()
    await page.close()
  })

  await t.test('rows stay under the pointer and the focus; new ones wait behind a button', async (t) => {
    const page = await open('/#/traces')
    const first = page.locator('.data tbody tr').first()
    await first.waitFor()
    const [where, words] = [await first.boundingBox(), await first.innerText()]
    await first.getByRole('link').first().focus()
    mesh.state.traces = 72
    const button = page.getByRole('button', { name: '12 new: show' })
    await button.waitFor()
    t.equal(await first.innerText(), words)
    t.same(await first.boundingBox(), where, 'nothing moved when the button came')
    t.equal(await page.locator('.data tbody a:focus').count(), 1)
    await button.click()
    await until(async () => (await first.innerText()) !== words)
    mesh.state.traces = 60
    await page.close()
  })

  await t.test('a trace opens by keyboard; a span tells its attributes and keeps them', async (t) => {
    const page = await open('/#/traces')
    await page.locator('.data a').first().focus()
    await page.keyboard.press('Enter')
    await page.locator('.span-row').first().waitFor()
    t.equal(await page.locator('.span-row').count(), 8)
    await page.locator('.span-row').nth(1).focus()
    await page.keyboard.press('Enter')
    t.match(await page.locator('.attributes').innerText(), /weft\.route[^]*HTTPRoute\/shop\/web\/0/)
    const asked = (): number => mesh.asked.filter((path) => path.startsWith('/api/traces/')).length
    const before = asked()
    await until(() => asked() > before + 1)
    t.equal(await page.locator('.span-row').nth(1).getAttribute('aria-expanded'), 'true')
    t.equal(await page.locator('.span-row:focus').count(), 1)
    await page.close()
  })

  await t.test('each try has a line with what became of it', async (t) => {
    const page = await open(`/#/trace/${traceId(38)}`)
    await page.locator('.span-row').nth(7).waitFor()
    const rows = await page.locator('.span-row').allInnerTexts()
    t.match(rows[4], /catalog\s+client\s+200\s+1 retry/)
    t.match(rows[5], /catalog\s+client\s+first try\s+UF\s+failed/)
    t.match(rows[6], /catalog\s+client\s+200\s+retry/)
    t.match(rows[7], /inventory\s+server/)
    t.match(
      await page.getByRole('region', { name: 'Why it went there' }).innerText(),
      /shop\/web-6f9c4d-x2b1q\s+outbound[^]*catalog\/1 matches[^]*Now otherwise: Its route splits 80 to 20/,
    )
    await page.close()
  })

  await t.test(
    'a trace that is not kept is told as such, and not as a control plane that is away',
    async (t) => {
      for (const id of ['1'.repeat(32), 'nonsense', HOSTILE]) {
        const page = await open(`/#/trace/${encodeURIComponent(id)}`)
        await page.getByText('No such trace').waitFor()
        t.match(await page.locator('main').innerText(), 'newer ones took its place')
        t.notMatch(await page.locator('body').innerText(), 'does not answer')
        await page.close()
      }
    },
  )

  await t.test('one of which parts are missing says so', async (t) => {
    mesh.state.newest = { part: true }
    const page = await open('/#/traces')
    await page.locator('.data tbody tr').first().getByText('parts missing').waitFor()
    await page.locator('.data tbody a').first().click()
    await page.getByText('Parts are missing').waitFor()
    mesh.state.newest = {}
    await page.getByText('Parts are missing').waitFor({ state: 'detached' })
    t.equal(await page.locator('.span-row').count(), 8, 'and has them when they come')
    await page.close()
  })

  await t.test('two are compared step by step', async (t) => {
    const page = await open('/#/traces')
    await page.locator('.data tbody tr').nth(1).getByRole('button', { name: 'choose' }).click()
    await page.locator('.data tbody tr').first().getByRole('link', { name: 'with chosen' }).click()
    await page.locator('.compare tbody tr').nth(8).waitFor()
    t.match(await page.locator('.compare').innerText(), /client[^]*[+−]\d+[^]*not there/)
    await page.goto(`${mesh.url}/#/compare/${traceId(1)}/${'1'.repeat(32)}`)
    await page.getByText(/No such trace/).waitFor()
    await page.close()
  })

  await t.test('hostile paths, names and values are text and nothing else', async (t) => {
    mesh.state.newest = {
      path: `/${HOSTILE}`,
      service: HOSTILE,
      attributes: { [HOSTILE]: HOSTILE, 'weft.response_flags': HOSTILE },
    }
    const page = await open('/#/traces')
    await page.locator('.data a', { hasText: '<script>' }).first().click()
    await page.locator('.span-row').first().click()
    t.match(await page.locator('.attributes').innerText(), '<script>')
    t.equal(await page.locator('main img, main script').count(), 0)
    t.equal(await page.evaluate(() => 'hit' in globalThis), false)
    await page.close()
  })

  t.same(problems, [], 'no error and no breach of the content security policy')
})
