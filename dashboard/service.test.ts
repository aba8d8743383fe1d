import t from 'tap'
import { noBrowser } from './testing/browser.ts'
import { pageFixture, until } from './testing/page-fixture.ts'

const HOSTILE = '<img src=x onerror=globalThis.hit=1>'
const browserTest = noBrowser === undefined ? {} : { skip: noBrowser }

t.test('a service', browserTest, async (t) => {
  const { mesh, open, problems } = await pageFixture(t)

  await t.test('has its figures over time with events and exemplars', async (t) => {
    const page = await open('/#/service/catalog.shop')
    const panel = page.getByRole('region', { name: 'Over time' })
    await panel.locator('.plot canvas').nth(2).waitFor()
    t.match(
      await panel.getByRole('img').nth(1).getAttribute('aria-label'),
      /^Success, \d\d:\d\d:\d\d to [^]*success: 99\.\d\d % at last/,
    )
    t.match(await panel.innerText(), /HTTPRoute\/catalog splits 90 to 10/)
    t.notMatch(await panel.innerText(), 'inventory-2', 'events of other services are not its own')
    // Wherever it is drawn: the first place of the plot that says that a trace can be opened.
    const exemplar = await page.evaluate<{ x: number; y: number } | undefined>(`(() => {
      const over = document.querySelectorAll('.view-service .u-over')[2]
      const { left, top } = over.getBoundingClientRect()
      for (let x = 0; x < over.clientWidth; x += 4)
        for (let y = 0; y < over.clientHeight; y += 4) {
          over.dispatchEvent(new MouseEvent('mousemove', { clientX: left + x, clientY: top + y }))
          if (over.title.includes('open its trace')) return { x: left + x, y: top + y }
        }
    })()`)
    t.ok(exemplar)
    if (exemplar) await page.mouse.click(exemplar.x, exemplar.y)
    await page.waitForURL(/#\/trace\/0+\d+/)
    await page.close()
  })

  await t.test('that is split has its callers, and its versions stand side by side', async (t) => {
    const page = await open('/#/service/catalog.shop')
    const versions = page.getByRole('region', { name: 'Versions' })
    await versions.locator('.plot canvas').nth(3).waitFor()
    t.match(
      await versions.innerText(),
      /catalog-v1\.shop[^]*89\.8 % seen of 90 % configured[^]*catalog-v2\.shop[^]*10\.2 % seen of 10 % configured/,
    )
    t.match(await page.getByRole('region', { name: 'Called by' }).innerText(), /web\.shop/)
    t.match(
      await page.getByRole('region', { name: 'Calls', exact: true }).innerText(),
      /inventory\.shop[^]*90\.20 %/,
    )
    await page.close()
  })

  await t.test(
    'tells its rules with their shares, those that nothing matches, endpoints and policies',
    async (t) => {
      const page = await open('/#/service/catalog.shop')
      const rules = page.getByRole('region', { name: 'Routes' })
      await rules.getByText('not matched').waitFor()
      const [first = '', second = ''] = await rules.locator('.rule').allInnerTexts()
      t.match(first, /catalog\/0 0\/s\s*not matched[^]*\/beta\* x-user=tester/)
      t.match(second, /catalog\/1 17\.6\/s\s[^]*89\.8 % of 90 %[^]*10\.2 % of 10 %/)
      const endpoints = page.getByRole('region', { name: 'Endpoints' })
      await endpoints.locator('tbody tr').first().waitFor()
      const [inUse = '', bare = '', draining = '', fourth = ''] = await endpoints
        .locator('tbody tr')
        .allInnerTexts()
      t.match(
        inUse,
        /catalog-v1[^]*10\.244\.0\.11:8080[^]*healthy\s+2\s+3\.20 ms\s+eu-1a\s+shop\/catalog\s+in 4 h/,
      )
      t.match(bare, /no sidecar\s+–/)
      t.match(draining, /draining\s+–\s+–/)
      t.match(fourth, /ejected by web\.shop and 1 more: consecutive errors, for \d\d s more\s+8/)
      t.match(
        await endpoints.innerText(),
        /3 of 3 ready, 1 is ejected by callers[^]*those of 1 of 5 pods that call it: shop\/web-6f9c4d-x2b1q\.[^]*Asked in vain: shop\/cart-1 \(it has gone\)/,
      )
      const policy = page.getByRole('region', { name: 'Policy' })
      t.match(
        await policy.innerText(),
        /No policy restricts who may call it[^]*TrafficPolicy shop\/catalog-timeouts/,
      )
      const configuration = page.getByRole('region', { name: 'Configuration' })
      t.match(
        await configuration.innerText(),
        /2 objects[^]*\/\* goes 90 % to catalog-v1\.shop[^]*Hedging: after 50 ms[^]*Service shop\/catalog[^]*TrafficPolicy shop\/gone cannot be shown: it is not there any more/,
      )
      await configuration.getByText('Service shop/catalog').click()
      t.match(await configuration.locator('pre').innerText(), 'kind: Service')
      await configuration.getByRole('button', { name: 'Copy' }).click()
      await configuration.getByText(/^(copied|mark it and copy it by hand)$/).waitFor()
      await page.close()
    },
  )

  await t.test('is asked for the range of time that is chosen, and the address keeps it', async (t) => {
    const page = await open('/#/service/web.shop')
    await page.locator('.plot canvas').first().waitFor()
    await page.getByRole('combobox', { name: 'Range of time' }).selectOption('3600')
    t.match(page.url(), /last=3600/)
    await until(() =>
      mesh.asked.some((path) => path.startsWith('/api/series?of=service&name=web.shop&last=3600')),
    )
    await until(() => mesh.asked.some((path) => path.startsWith('/api/graph?last=3600')))
    await page.getByRole('combobox', { name: 'Range of time' }).selectOption('choose')
    await page.getByRole('textbox', { name: 'From' }).fill('2026-06-01T08:00:00')
    await page.getByRole('textbox', { name: 'to', exact: true }).fill('2026-06-01T09:00:00')
    await page.getByRole('button', { name: 'Show' }).click()
    const [from, to] = [Date.UTC(2026, 5, 1, 8), Date.UTC(2026, 5, 1, 9)]
    t.match(page.url(), `from=${from}&to=${to}`)
    await until(() => mesh.asked.some((path) => path.includes(`name=web.shop&from=${from}&to=${to}`)))
    await page.close()
  })

  await t.test('names, reasons and objects are text, whatever is in them', async (t) => {
    mesh.state.newest = { path: HOSTILE }
    const page = await open('/#/service/catalog.shop')
    await page.getByText(`ejected by ${HOSTILE}`).waitFor()
    await page.getByText(`No policy restricts who may call it.${HOSTILE}`).waitFor()
    await page.getByRole('region', { name: 'Configuration' }).getByText('Service shop/catalog').click()
    t.match(await page.locator('pre').innerText(), HOSTILE)
    t.equal(await page.locator('main img').count(), 0)
    t.equal(await page.evaluate(() => 'hit' in globalThis), false)
    mesh.state.newest = {}
    await page.close()
  })

  await t.test('that nobody knows is told as such', async (t) => {
    const page = await open('/#/service/nobody.shop')
    await page.getByText('Nothing is known of it in this range of time').waitFor()
    t.equal(await page.locator('main .panel').count(), 0)
    await page.close()
  })

  t.same(problems, [], 'no error and no breach of the content security policy')
})
