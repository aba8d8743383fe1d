import fc from 'fast-check'
import type { Page } from 'playwright-core'
import t from 'tap'
import type { Canary, Span } from './page/api.mts'
import { milliseconds, percent, success } from './page/format.mts'
import { spanTree } from './page/span-tree.mts'
import { noBrowser, openBrowser } from './testing/browser.ts'
import { seedDenials, seedTrace, serveSeededMesh } from './testing/seeded-mesh.ts'

function span(spanId: string, parentSpanId: string, startMs = 0): Span {
  return {
    traceId: '',
    spanId,
    parentSpanId,
    name: '',
    kind: 'server',
    service: '',
    namespace: '',
    pod: '',
    startMs,
    durationMs: 1,
    status: 'unset',
    attributes: {},
  }
}

t.test('numbers never flatter', async (t) => {
  t.equal(success(0.999999), '99.99 %')
  t.equal(success(1), '100 %')
  t.equal(success(null), '–')
  t.equal(milliseconds(0.25), '250 µs')
  t.equal(milliseconds(1250), '1.25 s')
  t.equal(percent(33.333), '33.3 %')
})

t.test('a tree has every span once, children below parents, also of hostile parents', async (t) => {
  const tree = spanTree([span('c', 'b', 2), span('b', 'a', 1), span('a', 'x', 0), span('d', 'a', 3)])
  t.same(
    tree.map(({ span: one, depth }) => `${one.spanId}${depth}`),
    ['a0', 'b1', 'c2', 'd1'],
  )
  const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', '')
  fc.assert(
    fc.property(fc.array(fc.tuple(id, id), { maxLength: 12 }), (pairs) => {
      const spans = pairs.map(([own, parent], i) => span(own, parent, i))
      const placed = spanTree(spans).map((node) => node.span)
      return placed.length === spans.length && new Set(placed).size === spans.length
    }),
  )
})

const CANARY: Canary & { reason: string; phase: 'RolledBack' } = {
  namespace: 'shop',
  name: 'catalog',
  route: 'HTTPRoute/catalog',
  stable: 'catalog-v1:8080',
  canary: 'catalog-v2:8080',
  phase: 'RolledBack',
  reason: 'SuccessRate',
  message: 'worse <img src=x onerror=globalThis.hit=1>',
  weight: 10,
  revision: 'r1',
  step: 0,
  steps: ['10 % of requests', '50 % of requests'],
  evidence: {
    stable: { requests: 100, failed: 1, latencyMs: 12 },
    canary: { requests: 10, failed: 2, latencyMs: null },
    needed: 0,
    doubt: 1,
  },
  history: [{ at: '2026-01-31T12:00:00.000Z', message: 'began' }],
}

const browserTest = noBrowser === undefined ? {} : { skip: noBrowser }

t.test('in a real browser', browserTest, async (t) => {
  const mesh = await serveSeededMesh({
    canaries: () => [CANARY],
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
        effect: 'What was read of it last stays in force.',
      },
    ],
  })
  t.teardown(() => mesh.close())
  const browser = await openBrowser(t.testdir({}), 'light')
  t.teardown(() => browser.close())
  const problems: string[] = []
  let away = false
  const open = async (path: string): Promise<Page> => {
    const page = await browser.newPage()
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => {
      // The browser itself reports the 404 that one of the tests asks for.
      if (message.type() === 'error' && !away && !message.text().includes('404'))
        problems.push(message.text())
    })
    await page.goto(mesh.url + path)
    return page
  }

  await t.test('services, splits, traces and mistakes are shown', async (t) => {
    const page = await open('/')
    const row = page.locator('.services tbody tr', { hasText: 'inventory.shop' })
    await row.waitFor()
    t.match(await row.innerText(), /90\.\d\d %/)
    const split = page.locator('.route', { hasText: 'HTTPRoute rule' }).filter({ hasText: 'catalog' }).first()
    t.match(await split.innerText(), /catalog-v1:8080[^]*%[^]*of 90 %/)
    t.equal(await page.locator('.traces tbody tr').count(), 40)
    t.match(
      await page.locator('.problems').innerText(),
      /spec\.rules\[0\]\.name[^]*in quotes[^]*shop\.yaml:14:7/,
    )
    t.match(await page.locator('.problems').innerText(), 'stays in force')
    const lock = (service: string) =>
      page.locator('.services tbody tr', { hasText: service }).getByRole('img', { name: / seen$/ })
    t.equal(await lock('inventory.shop').getAttribute('aria-label'), 'all requests seen')
    t.equal(await lock('web.shop').getAttribute('aria-label'), 'not all requests seen')
    t.match(await page.locator('.pills').innerText(), /Proxies\s*8\/8/)
    await page.close()
  })

  await t.test('a filter asks anew and says when nothing fits', async (t) => {
    const page = await open('/')
    await page.locator('.traces tbody tr').first().waitFor()
    await page.getByLabel('with errors only').check()
    await page.locator('.traces tbody tr').nth(10).waitFor({ state: 'detached' })
    t.ok((await page.locator('.traces .tag.bad').count()) > 0)
    await page.getByRole('combobox', { name: 'Service' }).selectOption('catalog-v2.shop')
    await page.getByText('No kept trace fits this filter.').waitFor()
    t.equal(await page.getByRole('combobox', { name: 'Service' }).inputValue(), 'catalog-v2.shop')
    await page.close()
  })

  await t.test(
    'a trace opens by keyboard; a span tells its attributes and keeps them over a refresh',
    async (t) => {
      const page = await open('/')
      await page.locator('.traces a').first().focus()
      await page.keyboard.press('Enter')
      await page.locator('.span-row').first().waitFor()
      t.equal(await page.locator('.span-row').count(), 6)
      await page.locator('.span-row').nth(1).focus()
      await page.keyboard.press('Enter')
      t.match(await page.locator('.attributes').innerText(), /http\.route[^]*HTTPRoute\/shop\/web\/0/)
      // The second is asked for when the first is on the page.
      for (let i = 0; i < 2; i++)
        await page.waitForResponse((response) => response.url().endsWith('/api/mesh'))
      t.equal(await page.locator('.span-row').nth(1).getAttribute('aria-expanded'), 'true')
      t.equal(await page.locator('.span-row:focus').count(), 1)
      await page.close()
    },
  )

  await t.test('a trace that is not kept is explained', async (t) => {
    const page = await open(`/#/trace/${'1'.repeat(32)}`)
    await page.getByText('No such trace').waitFor()
    t.match(await page.locator('main').innerText(), 'newer ones took its place')
    await page.close()
  })

  await t.test('hostile names and paths are text and nothing else', async (t) => {
    const hostile = `"><img src=x onerror=globalThis.hit=1><script>globalThis.hit=1</script>javascript:alert(1)`
    const id = seedTrace(mesh.traces, 999, {
      path: `/${hostile}`,
      service: hostile,
      attributes: { [hostile]: hostile, 'weft.response_flags': hostile, 'weft.kept': 'slow' },
    })
    const page = await open('/')
    await page.locator('.traces a', { hasText: '<script>' }).first().click()
    await page.locator('.span-row').first().click()
    t.match(await page.locator('.attributes').innerText(), '<script>')
    t.match(page.url(), id)
    t.equal(await page.locator('main img, main script').count(), 0)
    t.equal(await page.evaluate(() => 'hit' in globalThis), false)
    await page.close()
  })

  await t.test('who was refused is told, with the reference that explains it', async (t) => {
    const quiet = await open('/')
    await quiet.locator('.services tbody tr').first().waitFor()
    t.equal(await quiet.locator('.denials').count(), 0)
    await quiet.close()
    const hostile = '/<img src=x onerror=globalThis.hit=1>'
    seedDenials(mesh.decisions, 17, hostile)
    const page = await open('/')
    const rows = page.locator('.denials tbody tr')
    await rows.first().waitFor()
    const texts = await rows.allInnerTexts()
    t.equal(texts.length, 3)
    t.match(texts[0], /shop\/web\s+pay\.payments:8080[^]*POST \/<img[^]*payments\/pay\/0[^]*10a{30}\s+17/)
    t.match(texts[1], /plaintext 10\.244\.0\.66[^]*POST \/admin\s+no rule allows it/)
    t.match(texts[2], /connection db[^]*dry run/)
    t.equal(await page.locator('main img').count(), 0)
    await page.close()
  })

  await t.test('a Canary tells its weights, its evidence and why', async (t) => {
    const page = await open('/')
    const card = page.locator('.canaries .route').first()
    await card.waitFor()
    const text = await card.innerText()
    t.match(text, /RolledBack[^]*step 1 of 2/)
    t.match(text, /catalog-v1:8080[^]*90 %[^]*99\.00 %[^]*catalog-v2:8080[^]*10 %[^]*80\.00 %/)
    t.match(text, '<img src=x onerror=globalThis.hit=1>', 'a message is text and nothing else')
    t.equal(await page.locator('main img, main script').count(), 0)
    t.equal(await page.evaluate(() => 'hit' in globalThis), false)
    await page.close()
  })

  await t.test('a control plane that goes away is told, and what was known stays', async (t) => {
    const page = await open('/')
    await page.locator('.services tbody tr').first().waitFor()
    away = true
    await page.route('**/api/**', (route) => route.abort())
    await page.locator('.banner').waitFor()
    t.ok((await page.locator('.services tbody tr').count()) > 3)
    await page.close()
  })

  t.same(problems, [], 'no error and no breach of the content security policy')
})

t.test('an empty mesh explains itself', browserTest, async (t) => {
  const mesh = await serveSeededMesh({ services: () => [], proxies: () => [], workloads: () => 0 })
  t.teardown(() => mesh.close())
  const browser = await openBrowser(t.testdir({}), 'dark')
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  await page.goto(mesh.url)
  await page.getByText('every Service is reached as it is').waitFor()
  t.pass('said')
})
