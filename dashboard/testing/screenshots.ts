import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { noBrowser, openBrowser } from './browser.ts'
import { seedDenials, seedTrace, serveSeededMesh } from './seeded-mesh.ts'

const USAGE = `usage: node dashboard/testing/screenshots.ts --out DIRECTORY

Pictures of the dashboard over seeded data, light and dark, and of one trace.
  --out DIRECTORY   where they go
  --help            this text
`

async function main(argv: string[]): Promise<number> {
  let options
  try {
    options = parseArgs({
      args: argv,
      options: { out: { type: 'string' }, help: { type: 'boolean' } },
    }).values
  } catch (error) {
    process.stderr.write(`screenshots: ${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (options.out === undefined || noBrowser !== undefined) {
    process.stderr.write(`screenshots: ${noBrowser ?? '--out DIRECTORY is missing'}\n`)
    return options.out === undefined ? 2 : 1
  }
  mkdirSync(options.out, { recursive: true })
  const mesh = await serveSeededMesh()
  seedDenials(mesh.decisions, 17)
  const traceId = seedTrace(mesh.traces, 59, {})
  try {
    for (const scheme of ['light', 'dark'] as const) await picture(mesh.url, traceId, scheme, options.out)
  } finally {
    await mesh.close()
  }
  return 0
}

async function picture(url: string, traceId: string, scheme: 'light' | 'dark', out: string): Promise<void> {
  const profile = mkdtempSync(join(tmpdir(), 'weft-screenshots-'))
  const browser = await openBrowser(profile, scheme)
  try {
    const page = await browser.newPage()
    await page.goto(url)
    await page.locator('.services tbody tr').first().waitFor()
    await page.screenshot({ path: join(out, `dashboard-${scheme}.png`) })
    await page.goto(`${url}/#/trace/${traceId}`)
    await page.locator('.span-row').nth(4).click()
    await page.screenshot({ path: join(out, `trace-${scheme}.png`) })
  } finally {
    await browser.close()
    rmSync(profile, { recursive: true, force: true })
  }
}

process.exitCode = await main(process.argv.slice(2))
