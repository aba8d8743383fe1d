import t from 'tap'
import type { TappedRequest } from '../core/api/tap.ts'
import { noBrowser } from './testing/browser.ts'
import { pageFixture, until } from './testing/page-fixture.ts'

const browserTest = noBrowser === undefined ? {} : { skip: noBrowser }
const HOSTILE = '<img src=x onerror=globalThis.hit=1>'

t.test('canaries, the mesh, policy and the tap', browserTest, async (t) => {
  const { mesh, open, problems } = await pageFixture(t)

  await t.test('a Canary tells its weights over time, its evidence and why', async (t) => {
    mesh.state.canary = { phase: 'RolledBack', message: `worse ${HOSTILE}` }
    const page = await open('/#/canaries')
    const card = page.getByRole('region', { name: 'Canary shop/catalog' })
    await card.locator('.plot canvas').nth(2).waitFor()
    const text = await card.innerText()
    t.match(text, /RolledBack\s+step 2 of 4\s+worse <img/)
    t.match(text, /catalog-v1\.shop\s+90 %\s+14,220\s+99\.82 %[^]*catalog-v2\.shop\s+10 %\s+1,588\s+99\.43 %/)
    t.match(text, /412 requests more are needed[^]*31 %/)
    t.match(
      await card.getByRole('img').first().getAttribute('aria-label'),
      /Share of the new version[^]*seen: \d+(\.\d)? % at last/,
    )
    t.equal(await page.locator('main img').count(), 0)
    t.equal(await page.evaluate(() => 'hit' in globalThis), false)
    mesh.state.canary = {}
    await page.close()
  })

  await t.test('whoever may not act sees no button; who may is asked first', async (t) => {
    const page = await open('/#/canaries')
    await page.getByText('Progressing').waitFor()
    t.equal(await page.getByRole('button', { name: 'Promote' }).count(), 0)
    mesh.state.act = true
    await page.reload()
    await page.getByRole('button', { name: 'Roll back' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('All requests go to the stable version at once.').waitFor()
    t.equal(await dialog.locator('button:focus').innerText(), 'Cancel')
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    t.same(mesh.acted, [], 'nothing was done')
    await page.getByRole('button', { name: 'Promote' }).click()
    await dialog.getByRole('button', { name: 'Promote' }).click()
    await page.getByText('Promote: asked for.').waitFor()
    t.same(mesh.acted, ['/api/canaries/shop/catalog/promote dashboard'])
    mesh.state.act = false
    await page.close()
  })

  await t.test(
    'the mesh tells findings with what to do, refused configuration and every proxy',
    async (t) => {
      const page = await open('/#/mesh')
      const checks = page.getByRole('region', { name: 'Checks' })
      await checks.getByText('WEFT0101').waitFor()
      t.match(
        await checks.innerText(),
        /error WEFT0101 HTTPRoute shop\/catalog spec\.rules\[0\]\.name must be text[^]*stays in force[^]*in quotes[^]*shop\.yaml:14:7[^]*warning WEFT0104/,
      )
      t.match(
        await page.getByRole('region', { name: 'Configuration that was refused' }).innerText(),
        /service-0001[^]*track_remaining/,
      )
      const proxies = page.getByRole('region', { name: 'Proxies' })
      t.match(await proxies.innerText(), /42, refuses newer[^]*40, 2 behind[^]*not connected/)
      const certificates = page.getByRole('region', { name: 'Certificates' })
      t.match(await certificates.innerText(), /1 has ended, 1 not told/)
      const ends = await certificates.locator('tbody tr').allInnerTexts()
      t.match(ends[0], /service-0002[^]*ended 90 s ago[^]*in 300 d/)
      t.match(ends.at(-1), /service-0005[^]*not told\s+not told/)
      mesh.state.newest = { path: HOSTILE }
      const injection = page.getByRole('region', { name: 'Injection' })
      t.match(
        await injection.innerText(),
        /11 of 13 pods with a sidecar[^]*legacy-1\.shop\s+missed[^]*rollout restart[^]*agent-1\.shop\s+host-network/,
      )
      await page.reload()
      await injection.getByText(`has none.${HOSTILE}`).waitFor()
      t.equal(await page.locator('main img').count(), 0)
      mesh.state.newest = {}
      await proxies.getByLabel('Find').fill('0003')
      await until(async () => (await proxies.locator('tbody tr').count()) === 1)
      t.match(page.url(), /find=0003/)
      await page.close()
      mesh.state.empty = true
      const empty = await open('/#/mesh')
      await empty.getByText('No pod of the mesh has a sidecar.').waitFor()
      await empty.getByText('Every pod has its sidecar.').waitFor()
      mesh.state.empty = false
      await empty.close()
      mesh.state.withoutChecks = true
      const older = await open('/#/mesh')
      await older.getByText('must be text, got 1').waitFor()
      mesh.state.withoutChecks = false
      await older.close()
    },
  )

  await t.test('who was refused is told with the reference that explains it, and who would be', async (t) => {
    mesh.state.newest = { path: `/${HOSTILE}` }
    const page = await open('/#/policy')
    const refused = page.getByRole('region', { name: 'Refused', exact: true })
    await refused.locator('tbody tr').first().waitFor()
    const texts = await refused.locator('tbody tr').allInnerTexts()
    t.equal(texts.length, 2)
    t.match(texts[0], /shop\/web\s+pay\.payments:8080[^]*POST \/<img[^]*payments\/pay\/0[^]*a{31}1\s+17/)
    t.match(texts[1], /plaintext 10\.244\.0\.66[^]*POST \/admin\s+no rule allows it/)
    t.match(await page.getByRole('region', { name: 'Would be refused' }).innerText(), /connection db/)
    t.match(
      await page.getByRole('region', { name: 'Who calls whom' }).locator('tbody tr').first().innerText(),
      /catalog\.shop\s+archive\.payments\s+denied\s+0\.4\s+0\.4/,
    )
    t.match(
      await page.getByRole('region', { name: 'Policies' }).innerText(),
      /in force[^]*TargetNotFound: there is no such Service/,
    )
    t.equal(await page.locator('main img').count(), 0)
    mesh.state.newest = {}
    await page.close()
  })

  await t.test(
    'a tap begins when it is asked for, shows what comes and holds still under the pointer',
    async (t) => {
      const page = await open('/#/live?service=catalog.shop')
      await page.getByRole('heading', { name: 'Live' }).waitFor()
      t.equal(mesh.tapped, 0)
      t.equal(await page.getByLabel('Service').inputValue(), 'catalog.shop')
      await page.getByRole('button', { name: 'Begin' }).click()
      await until(() => mesh.tapped === 1)
      t.ok(mesh.asked.includes('/api/tap?service=catalog.shop'))
      await page.getByText('sampled, and not all of them').waitFor()
      mesh.tap(request(1), request(2))
      const rows = page.locator('.tap tbody tr')
      await rows.nth(1).waitFor()
      t.match(await rows.first().innerText(), /shop\/web[^]*catalog\.shop[^]*GET \/<img[^]*503\s*UF/)
      await rows.first().hover()
      mesh.tap(request(3))
      await page.getByText('1 request wait while you are at a row').waitFor()
      t.equal(await rows.count(), 2)
      await page.getByRole('heading', { name: 'Live' }).hover()
      await rows.nth(2).waitFor()
      t.equal(await page.locator('main img').count(), 0)
      await page.getByRole('button', { name: 'Stop' }).click()
      await until(() => mesh.tapped === 0)
      await page.close()
    },
  )

  await t.test('a tap of sidecars: filters, who tells, what is left out, pause, header fields', async (t) => {
    mesh.state.act = true
    mesh.state.tapSource = {
      ...{ sampled: true, live: 3, otherCount: 1 },
      others: [{ pod: `shop/${HOSTILE}`, reason: 'says: this sidecar knows no question "tap"' }],
      coverage: {
        answered: 1,
        missing: [{ replica: 'weft-system/b', reason: 'it did not answer within 2 s' }],
      },
    }
    const page = await open('/#/live')
    await page.getByLabel('Workload').fill('web')
    await page.getByLabel('Told by').selectOption('inbound')
    await page.getByLabel('Took ms').fill('250')
    await page.getByLabel('Header fields').check()
    await page.getByRole('button', { name: 'Begin' }).press('Enter')
    await until(() => mesh.tapped === 1)
    t.ok(mesh.asked.includes('/api/tap?workload=web&direction=inbound&min=250&headers=true'))
    await page.getByText('3 sidecars tell of every request').waitFor()
    await page.getByText('weft-system/b').waitFor()
    await page.getByText('Of 1 other sidecar').click()
    await page.getByText('knows no question "tap"').waitFor()
    mesh.tap({ ...request(1), query: `q=${HOSTILE}`, headers: { 'x-user': HOSTILE } })
    const rows = page.locator('.tap tbody tr')
    await rows.first().waitFor()
    mesh.skip(1200)
    mesh.skip(40)
    await page.getByText('1,240 not shown').waitFor()
    await page.getByRole('button', { name: 'Pause' }).press('Space')
    mesh.tap(request(2), request(3))
    await page.getByText('2 requests wait while this is paused').waitFor()
    await rows.first().hover()
    await page.getByRole('heading', { name: 'Live' }).hover()
    t.equal(await rows.count(), 1, 'whoever leaves a row does not end the pause')
    await page.getByRole('button', { name: 'Pause' }).press('Space')
    await rows.nth(2).waitFor()
    t.equal(await page.locator('main img').count(), 0)
    await page.reload()
    t.equal(await page.getByLabel('Told by').inputValue(), 'inbound', 'the link holds the filter')
    await page.close()
    await until(() => mesh.tapped === 0)
    mesh.state.act = false
    delete mesh.state.tapSource
  })

  t.same(problems, [], 'no error and no breach of the content security policy')
})

function request(i: number): TappedRequest {
  return {
    at: Date.now(),
    direction: 'outbound',
    namespace: 'shop',
    pod: 'web-1',
    service: 'web',
    source: 'shop/web',
    destination: 'catalog.shop',
    method: 'GET',
    authority: 'catalog',
    path: `/${HOSTILE}${i}`,
    status: 503,
    grpcStatus: null,
    flags: 'UF',
    durationMs: 3,
    traceId: '',
    route: '',
    upstream: '',
  }
}
