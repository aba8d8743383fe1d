import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import t from 'tap'
import type axe from 'axe-core'
import { noBrowser } from './testing/browser.ts'
import { traceId } from './testing/mock/traces.ts'
import { drawn, pageFixture } from './testing/page-fixture.ts'

const browserTest = noBrowser === undefined ? {} : { skip: noBrowser }
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const VIEWS: readonly (readonly [address: string, wait: string])[] = [
  ['#/map?pick=catalog.shop', '.side .plot canvas'],
  ['#/map?since=3600&at=1780306200000', '.changes'],
  ['#/service/catalog.shop', '.versions .plot canvas'],
  ['#/traces', '.data tbody tr'],
  [`#/trace/${traceId(38)}`, '.span-row'],
  [`#/compare/${traceId(38)}/${traceId(39)}`, '.compare tbody tr'],
  ['#/canaries', '.canary .plot canvas'],
  ['#/mesh', '.data tbody tr'],
  ['#/policy', '.data tbody tr'],
  ['#/live', '.search'],
]

for (const scheme of ['light', 'dark'] as const)
  t.test(
    `every view in ${scheme}, also on a phone, has no serious finding of axe-core`,
    browserTest,
    async (t) => {
      const { mesh, open, problems } = await pageFixture(
        t,
        { outage: true, missing: true, act: true },
        scheme,
      )
      const page = await open('/')
      for (const [address, wait] of VIEWS) {
        await page.setViewportSize({ width: 1320, height: 900 })
        await page.goto(`${mesh.url}/${address}`)
        await page.locator(wait).first().waitFor({ state: 'attached' })
        await drawn(page)
        // By the debugger, which the content security policy lets.
        await page.evaluate(AXE)
        const findings = await page.evaluate<axe.Result[]>(
          "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
        )
        const serious = findings
          .filter(({ impact }) => impact === 'serious' || impact === 'critical')
          .map(
            ({ id, nodes }) =>
              `${id}: ${nodes
                .map((node) => node.html)
                .join(' ')
                .slice(0, 400)}`,
          )
        t.same(serious, [], address)
        await page.setViewportSize({ width: 390, height: 844 })
        await drawn(page)
        const cut = await page.evaluate<number>('document.documentElement.scrollWidth')
        t.ok(cut <= 390, `${address} is ${cut} pixels wide on a phone`)
        const columns = await page.evaluate<string[]>(`[...document.querySelectorAll('.scroll')]
        .filter((element) => element.scrollWidth > element.clientWidth)
        .map((element) => element.textContent.slice(0, 80))`)
        t.same(columns, [], `${address} cuts no column`)
      }
      t.same(problems, [])
    },
  )

t.test('names break where they have a joint, and not in a word', browserTest, async (t) => {
  const { open } = await pageFixture(t)
  const page = await open('/')
  await page.setViewportSize({ width: 390, height: 844 })
  await page.locator('.data tbody th', { hasText: 'catalog-v1' }).first().waitFor()
  const broken = await page.evaluate<
    string[]
  >(`[...document.querySelectorAll('.data .name bdi, nav a, h2, .tag')]
    .filter((element) => element.getClientRects().length > 1 && !/[ -]/.test(element.textContent))
    .map((element) => element.textContent)`)
  t.same(broken, [])
})

t.test('on a phone the header shows what is chosen whole', browserTest, async (t) => {
  const { open } = await pageFixture(t)
  const page = await open('/')
  await page.setViewportSize({ width: 390, height: 844 })
  await page
    .getByRole('combobox', { name: 'Namespace' })
    .locator('option', { hasText: 'payments' })
    .waitFor({ state: 'attached' })
  for (const last of ['', '900', '86400']) {
    await page.getByRole('combobox', { name: 'Range of time' }).selectOption(last)
    await drawn(page)
    const cut = await page.evaluate<
      string[]
    >(`[...document.querySelectorAll('.top .control select')].filter((select) => {
      const alone = select.cloneNode(false)
      alone.append(select.selectedOptions[0].cloneNode(true))
      alone.style.cssText = 'position: absolute; width: auto; max-width: none'
      select.parentElement.append(alone)
      const needed = alone.getBoundingClientRect().width
      alone.remove()
      return select.getBoundingClientRect().width < needed - 0.5
    }).map((select) => select.selectedOptions[0].textContent)`)
    t.same(cut, [], last)
  }
})
