import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { BrowserContext, Page } from 'playwright-core'
import { noBrowser, openBrowser } from './browser.ts'
import { serveMockMesh, type MockMesh } from './mock/mock-mesh.ts'

const USAGE = `usage: npm run bench:dashboard -- [--services N] [--pods N] [--rounds N] [--json]

Opens the dashboard of a large mesh in Chromium and measures: milliseconds from the navigation until the map is drawn and the
table is there, and how long frames take while all services are on the map and it is moved, and while the tables are scrolled.
  --services N   of the mesh (500)
  --pods N       proxies in the list of the mesh (5000)
  --rounds N     how often the page is opened; the middle is printed (5)
  --json         the result as one object
  --help         this text
`

const FRAMES = 180
const PROXIES = '.scroll.tall[aria-label=Proxies]'

const TITLES: Readonly<Record<string, string>> = {
  map: 'all on the map, moved',
  servicesTable: 'table of services',
  proxiesTable: 'table of proxies',
}

interface Smoothness {
  /** Frames a second over all. */
  readonly fps: number
  /** Milliseconds between two frames that 95 of 100 do not pass. */
  readonly p95Ms: number
  /** Milliseconds of CPU that the page's own thread takes for a frame: of 16.7 at 60 frames a second, whatever else runs. */
  readonly cpuMs: number
}

interface Result {
  readonly services: number
  readonly pods: number
  readonly firstViewMs: number
  readonly elements: number
  readonly map: Smoothness
  readonly servicesTable: Smoothness
  readonly proxiesTable: Smoothness
}

async function main(argv: string[]): Promise<number> {
  let values
  try {
    ;({ values } = parseArgs({
      args: argv,
      options: {
        services: { type: 'string', default: '500' },
        pods: { type: 'string', default: '5000' },
        rounds: { type: 'string', default: '5' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }))
  } catch (error) {
    process.stderr.write(`bench:dashboard: ${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const [services = 0, pods = 0, rounds = 0] = [values.services, values.pods, values.rounds].map(Number)
  if (![services, pods, rounds].every((value) => Number.isInteger(value) && value > 0)) {
    process.stderr.write('bench:dashboard: --services, --pods and --rounds must be whole numbers above 0\n')
    return 2
  }
  if (noBrowser !== undefined) {
    process.stderr.write(`bench:dashboard: ${noBrowser}\n`)
    return 1
  }
  const mesh = await serveMockMesh({ services, proxies: pods })
  const profile = mkdtempSync(join(tmpdir(), 'weft-dashboard-bench-'))
  const browser = await openBrowser(profile, 'light')
  try {
    const result = { services, pods, ...(await measure(browser, mesh, rounds)) }
    process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : textOf(result))
  } finally {
    await browser.close()
    await mesh.close()
    rmSync(profile, { recursive: true, force: true })
  }
  return 0
}

async function measure(
  browser: BrowserContext,
  mesh: MockMesh,
  rounds: number,
): Promise<Omit<Result, 'services' | 'pods'>> {
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    process.stderr.write(`first view ${i + 1} of ${rounds}\n`)
    const page = await browser.newPage()
    times.push(await firstView(page, mesh.url))
    await page.close()
  }
  const page = await browser.newPage()
  await page.goto(`${mesh.url}/#/map?open=*`)
  await page.locator('.map canvas[data-frames]').waitFor()
  process.stderr.write('moving the map\n')
  const map = await smooth(
    page,
    `const canvas = document.querySelector('.map canvas[role=application]')
     const { left, top } = canvas.getBoundingClientRect()
     const send = (name, x) => canvas.dispatchEvent(new PointerEvent(name, { pointerId: 1, clientX: left + x, clientY: top + 200, bubbles: true }))
     canvas.setPointerCapture = () => {}
     document.querySelector('.map-buttons button').click()
     send('pointerdown', 300)
     step = (i) => send('pointermove', 300 + 120 * Math.sin(i / 12))`,
  )
  process.stderr.write('scrolling\n')
  const scrolling = (selector: string): string =>
    `const table = document.querySelector('${selector}'); step = (i) => { table.scrollTop = i * 37 }`
  const servicesTable = await smooth(page, scrolling('.scroll.tall'))
  await page.goto(`${mesh.url}/#/mesh`)
  await page.locator(`${PROXIES} tbody tr`).first().waitFor()
  const elements = await page.evaluate<number>('document.querySelectorAll("*").length')
  const proxiesTable = await smooth(page, scrolling(PROXIES))
  return {
    firstViewMs: times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0,
    elements,
    map,
    servicesTable,
    proxiesTable,
  }
}

/** From the beginning of the navigation until the map is drawn and a row is in the page. */
async function firstView(page: Page, url: string): Promise<number> {
  await page.addInitScript(`new MutationObserver((_, observer) => {
    if (!document.querySelector('.map canvas[data-frames]') || !document.querySelector('.data tbody th')) return
    observer.disconnect()
    globalThis.seenAt = performance.now()
  }).observe(document, { subtree: true, childList: true, attributes: true })`)
  await page.goto(url)
  await page.waitForFunction('globalThis.seenAt !== undefined')
  return Math.round(await page.evaluate<number>('globalThis.seenAt'))
}

/** Takes a step in each of so many frames. */
async function smooth(page: Page, setUp: string): Promise<Smoothness> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const cpu = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1000
  }
  const before = await cpu()
  const gaps = await page.evaluate<number[]>(`new Promise((done) => {
    let step
    ${setUp}
    const gaps = []
    let before
    const frame = (now) => {
      if (before !== undefined) gaps.push(now - before)
      before = now
      if (gaps.length === ${FRAMES}) return done(gaps)
      step(gaps.length)
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })`)
  const used = (await cpu()) - before
  await session.detach()
  const sorted = gaps.toSorted((a, b) => a - b)
  const all = gaps.reduce((sum, gap) => sum + gap, 0)
  return {
    fps: Math.round((gaps.length / all) * 10_000) / 10,
    p95Ms: Math.round((sorted[Math.floor(gaps.length * 0.95)] ?? 0) * 10) / 10,
    cpuMs: Math.round((used / gaps.length) * 10) / 10,
  }
}

function textOf({ services, pods, firstViewMs, elements, ...smoothness }: Result): string {
  const lines = [
    `${services} services, ${pods} pods`,
    `first view              ${firstViewMs} ms`,
    `elements, mesh view     ${elements}`,
    ...Object.entries(smoothness).map(
      ([name, { fps, p95Ms, cpuMs }]) =>
        `${(TITLES[name] ?? name).padEnd(24)}${fps} frames/s, 95 % within ${p95Ms} ms, ${cpuMs} ms of CPU each`,
    ),
  ]
  return `${lines.join('\n')}\n`
}

process.exitCode = await main(process.argv.slice(2))
