import t from 'tap'
import { noBrowser } from './testing/browser.ts'
import { drawn, frames, pageFixture, until } from './testing/page-fixture.ts'

const browserTest = noBrowser === undefined ? {} : { skip: noBrowser }
const HOSTILE = '<img src=x onerror=globalThis.hit=1>'
const RIGHT_TO_LEFT = 'مخزن'
const LONG = `${'long-name-'.repeat(25)}end`

t.test('the map', browserTest, async (t) => {
  const { mesh, open, problems } = await pageFixture(t, { hostile: [HOSTILE, RIGHT_TO_LEFT, LONG] })

  await t.test('services and calls are drawn and told, live and without polling', async (t) => {
    const page = await open('/')
    const row = page.locator('.data tbody tr', { hasText: 'inventory.shop' })
    await row.waitFor()
    t.match(await row.innerText(), /degraded[^]*90\.20 %[^]*22\.3 ms[^]*restricted[^]*1\/2/)
    await page.getByText('live', { exact: true }).waitFor()
    t.match(
      await page.locator('.map canvas[role=application]').getAttribute('aria-label'),
      /Map of 13 services and 11 calls/,
    )
    await until(() => mesh.listeners === 1)
    const asked = mesh.asked.length
    const before = await row.innerText()
    await until(async () => {
      mesh.push()
      return (await row.innerText()) !== before
    })
    t.same(
      mesh.asked.slice(asked).filter((path) => path.startsWith('/api/graph')),
      [],
      'nothing is asked while events come',
    )
    await page.close()
  })

  await t.test(
    'a service is picked by pointer or keys, told at the side, and the address says so',
    async (t) => {
      const page = await open('/#/map?ns=payments')
      const canvas = page.locator('.map canvas[role=application]')
      await canvas.focus()
      await page.keyboard.press('ArrowRight')
      const side = page.locator('.side')
      await side.waitFor()
      t.match(page.url(), /pick=.+/)
      await page.keyboard.press('Escape')
      await side.waitFor({ state: 'detached' })
      await page.goto(`${mesh.url}/#/map?pick=catalog.shop`)
      t.match(await side.innerText(), /catalog\.shop[^]*99\.80 %[^]*Split[^]*catalog-v1\.shop 90 %/)
      t.match(
        await side.innerText(),
        /Called by\s+web\.shop[^]*Calls\s+inventory\.shop/,
        'a split service has its callers',
      )
      await side.locator('.plot canvas').first().waitFor()
      await page.goto(`${mesh.url}/#/map?pick=checkout.shop>inventory.shop`)
      await side.getByText('60.00 %').waitFor()
      await canvas.focus()
      await page.goto(`${mesh.url}/#/map?pick=pay.payments`)
      await side.getByText('pay.payments').first().waitFor()
      await page.keyboard.press('Enter')
      await page.locator('h1', { hasText: 'pay.payments' }).waitFor()
      await page.goBack()
      await side.waitFor()
      await page.close()
    },
  )

  await t.test('namespaces fold, and the filter stays from view to view', async (t) => {
    const page = await open('/')
    await page.locator('.folding summary').click()
    await page.getByLabel('payments', { exact: true }).uncheck()
    t.match(page.url(), /open=hostile%2Cshop/)
    t.match(
      await page.locator('.map canvas[role=application]').getAttribute('aria-label'),
      /Map of 11 services/,
    )
    await page.getByRole('combobox', { name: 'Namespace' }).selectOption('payments')
    await page.locator('.data tbody tr', { hasText: 'web.shop' }).waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'Traces' }).first().click()
    t.match(page.url(), /#\/traces\?ns=payments/)
    await page.close()
  })

  await t.test('a minute of the past is asked for and said', async (t) => {
    const page = await open('/')
    await page.getByRole('button', { name: 'Replay' }).click()
    await page.getByText(/the minute before/).waitFor()
    const at = Number(new URL(page.url().replace('#/', '')).searchParams.get('at'))
    await until(() => mesh.asked.includes(`/api/graph?from=${at - 60_000}&to=${at}`))
    await page.getByLabel('Moment').press('ArrowLeft')
    await until(() => mesh.asked.includes(`/api/graph?from=${at - 70_000}&to=${at - 10_000}`))
    await page.getByRole('button', { name: /Back to now/ }).click()
    await page.getByText('now', { exact: true }).waitFor()
    t.notMatch(page.url(), /at=/)
    await page.close()
  })

  await t.test('what changed is told beside the events of that time', async (t) => {
    const page = await open('/#/map?since=3600')
    const panel = page.getByRole('region', { name: 'What changed' })
    await panel.getByText('Events meanwhile').waitFor()
    t.match(
      await panel.innerText(),
      /inventory\.shop success was 100 %, is 90\.20 %[^]*HTTPRoute\/catalog splits/,
    )
    await page.close()
  })

  await t.test('an outage is the loudest thing on every page', async (t) => {
    mesh.state.outage = true
    const page = await open('/')
    const banner = page.getByRole('alert')
    await banner.waitFor()
    t.match(
      await banner.innerText(),
      /1 service is failing\s+web\.shop No endpoint is ready \(0 of 2\)[^]*requests a second fail/,
    )
    t.match(await page.title(), '(1 failing)')
    t.match(
      await page.locator('.data tbody tr').first().innerText(),
      /web\.shop\s+failing/,
      'and the first of the table',
    )
    for (const view of ['traces', 'canaries', 'mesh', 'policy', 'live', 'service/catalog.shop']) {
      await page.goto(`${mesh.url}/#/${view}`)
      await page.locator(`main.view-${view.split('/')[0]}`).waitFor()
      t.equal(await banner.count(), 1, view)
    }
    mesh.state.outage = false
    mesh.push()
    await banner.waitFor({ state: 'detached' })
    await page.close()
  })

  await t.test('a replica that did not answer is named', async (t) => {
    mesh.state.missing = true
    const page = await open('/')
    await page
      .getByText(/1 control plane of 3 did not answer: weft-control-plane-2 \(no answer within 2 s\)/)
      .waitFor()
    t.match(await page.locator('.banners').innerText(), 'is not shown')
    mesh.state.missing = false
    await page.close()
  })

  await t.test('without events it asks, and says so', async () => {
    mesh.state.withoutEvents = true
    const page = await open('/')
    await page.getByText('every 2 s').waitFor()
    await page.locator('.data tbody tr', { hasText: 'web.shop' }).waitFor()
    mesh.state.withoutEvents = false
    await page.close()
  })

  await t.test(
    'a control plane that goes away is told, what was known stays, and it comes back by itself',
    async (t) => {
      const page = await open('/')
      await page.locator('.data tbody tr').first().waitFor()
      mesh.state.away = true
      mesh.drop()
      await page.getByText('The control plane does not answer.').waitFor()
      t.ok((await page.locator('.data tbody tr').count()) > 3)
      mesh.state.away = false
      await page.getByText('The control plane does not answer.').waitFor({ state: 'detached' })
      await page.getByText('live', { exact: true }).waitFor()
      await page.close()
    },
  )

  await t.test('hostile names are text and nothing else, on the map too', async (t) => {
    const page = await open(`/#/map?pick=${encodeURIComponent(`${HOSTILE}.hostile`)}`)
    await page.locator('.side').getByText(HOSTILE).first().waitFor()
    for (const name of [RIGHT_TO_LEFT, LONG])
      t.equal(await page.locator('.data tbody th', { hasText: name }).count(), 1)
    await page.goto(`${mesh.url}/#/service/${encodeURIComponent(`${HOSTILE}.hostile`)}`)
    await page.locator('h1', { hasText: HOSTILE }).waitFor()
    t.equal(await page.locator('main img, main script').count(), 0)
    t.equal(await page.evaluate(() => 'hit' in globalThis), false)
    await page.close()
  })

  await t.test('the map is drawn when something changed, and not for its own sake', async (t) => {
    const page = await open('/')
    await until(async () => (await frames(page)) > 0)
    await drawn(page)
    const still = await frames(page)
    for (let i = 0; i < 10; i++) await drawn(page)
    t.equal(await frames(page), still)
    mesh.push()
    await until(async () => (await frames(page)) > still)
    await drawn(page)
    t.ok((await frames(page)) <= still + 2, 'once for a picture that came')
    await page.close()
  })

  await t.test('colours go by the system and by a switch that stays', async (t) => {
    const page = await open('/')
    const ground = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor')
    const light = await ground()
    await page.emulateMedia({ colorScheme: 'dark' })
    const dark = await ground()
    t.not(light, dark)
    const button = page.getByRole('button', { name: /Colours/ })
    await button.click()
    t.equal(await ground(), light, 'light by choice')
    await page.reload()
    t.equal(await ground(), light, 'and it is kept')
    await button.click()
    await button.click()
    t.equal(await ground(), dark, 'as the system says')
    await page.close()
  })

  t.same(problems, [], 'no error and no breach of the content security policy')
})

t.test('500 services and 5,000 pods', browserTest, async (t) => {
  const { mesh, open, problems } = await pageFixture(t, { services: 500, proxies: 5000 })
  const page = await open('/')
  await page.locator('.data tbody tr').first().waitFor()
  t.match(
    await page.locator('.map canvas[role=application]').getAttribute('aria-label'),
    /Map of 20 services/,
    'folded by namespace',
  )
  const elements = (): Promise<number> => page.evaluate('document.querySelectorAll("*").length')
  t.ok((await elements()) < 1500, `${await elements()} elements in the page`)
  const table = page.locator('.scroll.tall')
  await table.evaluate((element) => {
    ;(element as unknown as { scrollTop: number }).scrollTop = 9000
  })
  await page.locator('.data tbody tr[aria-rowindex="260"]').waitFor()
  t.ok((await elements()) < 1500, 'also in the middle')
  t.equal(await page.locator('.data').getAttribute('aria-rowcount'), '501')
  await page.goto(`${mesh.url}/#/map?open=*`)
  await page.getByText('20 of 20 namespaces open').waitFor()
  await until(async () => (await frames(page)) > 1)
  await page.goto(`${mesh.url}/#/mesh`)
  await page.getByText('5,000 sidecars').waitFor()
  t.ok((await elements()) < 1500, `${await elements()} elements with 5,000 proxies`)
  t.same(problems, [])
})

t.test(
  'an empty mesh explains itself, and a token is asked for where one is needed',
  browserTest,
  async (t) => {
    const { mesh, open, problems } = await pageFixture(t, { empty: true }, 'dark')
    const page = await open('/')
    await page.getByText('every Service is reached as it is').waitFor()
    await page.close()
    mesh.state.token = 'a-token'
    const asking = await open('/')
    await asking.getByLabel(/wants to know who asks/).fill('a-token')
    await asking.getByRole('button', { name: 'Use it' }).click()
    await asking.getByText('live', { exact: true }).waitFor()
    t.equal(await asking.getByLabel(/wants to know who asks/).count(), 0)
    t.notOk(
      mesh.asked.some((path) => path.includes('a-token')),
      'it is in no address',
    )
    t.same(problems, [])
  },
)
