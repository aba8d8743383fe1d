import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Page } from 'playwright-core'
import { noBrowser, openBrowser } from './browser.ts'
import { serveMockMesh, type MockMesh } from './mock/mock-mesh.ts'
import { traceId } from './mock/traces.ts'
import { drawn } from './page-fixture.ts'

const USAGE = `usage: npm run screenshots -- [--out DIRECTORY] [VIEW...]

Pictures of every view of the dashboard over seeded data: NAME-light.png, NAME-dark.png, NAME-phone.png (390 pixels wide).
  VIEW              names of pictures (all)
  --out DIRECTORY   where they go; left out: those that the documents show, into docs/images
  --help            this text
`

/** Shown in README and docs/observability.md. */
const OF_DOCUMENTS = [
  'map-light',
  'map-dark',
  'map-phone',
  'outage-light',
  'service-light',
  'traces-light',
  'trace-light',
  'canaries-light',
]

interface Picture {
  readonly name: string
  readonly path: string
  /** Seen once the view is there. */
  readonly wait: string
  readonly before?: (page: Page, mesh: MockMesh) => Promise<void>
}

const OUTAGE = { outage: true, missing: true }
const PICTURES: readonly (Picture & { readonly state?: object })[] = [
  { name: 'map', path: '#/map?pick=catalog.shop', wait: '.side .plot canvas' },
  { name: 'outage', path: '#/map', wait: '.banner.outage', state: OUTAGE },
  { name: 'changes', path: '#/map?since=3600', wait: '.changes li' },
  {
    name: 'large',
    path: '#/map?open=*',
    wait: '.map canvas[role=application]',
    state: { services: 500, proxies: 5000 },
  },
  {
    name: 'folded',
    path: '#/map',
    wait: '.map canvas[role=application]',
    state: { services: 500, proxies: 5000 },
  },
  { name: 'service', path: '#/service/catalog.shop', wait: '.versions .plot canvas' },
  { name: 'traces', path: '#/traces', wait: '.data tbody tr' },
  {
    name: 'trace',
    path: `#/trace/${traceId(38)}`,
    wait: '.span-row',
    before: async (page) => page.locator('.span-row').nth(5).click(),
  },
  { name: 'compare', path: `#/compare/${traceId(38)}/${traceId(39)}`, wait: '.compare tbody tr' },
  { name: 'canaries', path: '#/canaries', wait: '.canary .plot canvas', state: { act: true } },
  { name: 'mesh', path: '#/mesh', wait: '.data tbody tr' },
  { name: 'policy', path: '#/policy', wait: '.data tbody tr' },
  {
    name: 'live',
    path: '#/live',
    wait: '.search',
    before: async (page, mesh) => {
      await page.getByRole('button', { name: 'Begin' }).click()
      await page.getByText('No request that fits').waitFor()
      mesh.tap(...Array.from({ length: 14 }, (_, i) => tapped(i)))
      await page.locator('.tap tbody tr').first().waitFor()
    },
  },
]

function tapped(i: number) {
  const failed = i % 5 === 4
  return {
    at: Date.now() - i * 130,
    direction: 'outbound' as const,
    namespace: 'shop',
    pod: 'web-6f9c4d-x2b1q',
    service: 'web',
    source: 'shop/web',
    destination: i % 3 === 0 ? 'checkout.shop' : 'catalog.shop',
    method: 'GET',
    authority: 'catalog',
    path: `/items/${i}`,
    status: failed ? 503 : 200,
    grpcStatus: null,
    flags: failed ? 'UF' : '-',
    durationMs: 3 + i,
    traceId: i % 2 === 0 ? traceId(i) : '',
    route: 'HTTPRoute/shop/catalog/0',
    upstream: '10.244.0.11:8080',
  }
}

const KINDS = [
  { kind: 'light', scheme: 'light', width: 1320, height: 900 },
  { kind: 'dark', scheme: 'dark', width: 1320, height: 900 },
  { kind: 'phone', scheme: 'light', width: 390, height: 844 },
] as const

async function main(argv: string[]): Promise<number> {
  let values
  let names: string[]
  try {
    ;({ values, positionals: names } = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        out: { type: 'string' },
        help: { type: 'boolean' },
      },
    }))
  } catch (error) {
    process.stderr.write(`screenshots: ${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const unknown = names.find((name) => !PICTURES.some((picture) => picture.name === name))
  if (unknown !== undefined || noBrowser !== undefined) {
    const known = PICTURES.map(({ name }) => name).join(', ')
    process.stderr.write(`screenshots: ${noBrowser ?? `there is no view ${unknown}; there are ${known}`}\n`)
    return unknown === undefined ? 1 : 2
  }
  const out = values.out ?? new URL('../../docs/images/dashboard', import.meta.url).pathname
  mkdirSync(out, { recursive: true })
  const wanted = PICTURES.filter(({ name }) => names.length === 0 || names.includes(name))
  for (const { kind, scheme, width, height } of KINDS) {
    const profile = mkdtempSync(join(tmpdir(), 'weft-screenshots-'))
    const browser = await openBrowser(profile, scheme)
    try {
      for (const picture of wanted) {
        if (values.out === undefined && !OF_DOCUMENTS.includes(`${picture.name}-${kind}`)) continue
        const mesh = await serveMockMesh(picture.state)
        const page = await browser.newPage()
        await page.setViewportSize({ width, height })
        await page.goto(`${mesh.url}/${picture.path}`)
        await page.locator(picture.wait).first().waitFor()
        await picture.before?.(page, mesh)
        // What is drawn on a canvas is there a frame later.
        await drawn(page)
        await page.screenshot({
          path: join(out, `${picture.name}-${kind}.png`),
          fullPage: kind === 'phone',
        })
        process.stderr.write(`${picture.name}-${kind}\n`)
        await page.close()
        await mesh.close()
      }
    } finally {
      await browser.close()
      rmSync(profile, { recursive: true, force: true })
    }
  }
  return 0
}

process.exitCode = await main(process.argv.slice(2))
