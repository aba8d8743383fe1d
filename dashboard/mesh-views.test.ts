import t from 'tap'
import type { TappedRequest } from '../core/api/traces.ts'
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
