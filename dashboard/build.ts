import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const STAMP = join(PROJECT, 'dist', '.dashboard-page')
/** Where the control plane of a clone looks for its page, and from where bundles copy it. */
export const PAGE = join(PROJECT, 'dist', 'dashboard', 'page')
/** What the page is made of: packages by their versions. */
const SOURCES = ['dashboard/page/**/*.*', 'core/api/*.ts', 'dashboard/build.ts', 'package-lock.json']

/**
 * Builds the page by Vite into dist/dashboard/page: one script, one style sheet, nothing from elsewhere and nothing inline, as
 * the content security policy has it. Does nothing where it is there already. Gives whether it did.
 */
export async function buildPage(): Promise<boolean> {
  const wanted = fingerprint()
  if (existsSync(join(PAGE, 'index.html')) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted)
    return false
  const { build } = await import('vite')
  await build({
    configFile: false,
    root: join(PROJECT, 'dashboard', 'page'),
    base: '/',
    logLevel: 'warn',
    build: {
      outDir: PAGE,
      emptyOutDir: true,
      // The control plane serves one folder.
      assetsDir: '',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      // What is in the script, with the notices that its packages ask for.
      license: { fileName: 'licenses.md' },
      target: 'es2023',
      cssTarget: 'esnext',
    },
  })
  mkdirSync(dirname(STAMP), { recursive: true })
  writeFileSync(STAMP, wanted)
  return true
}

function fingerprint(): string {
  const hash = createHash('sha256')
  for (const path of globSync(SOURCES, { cwd: PROJECT }).sort())
    hash.update(path).update(readFileSync(join(PROJECT, path)))
  return hash.digest('hex')
}

if (import.meta.main) {
  const made = await buildPage()
  if (made && !process.argv.includes('--quiet')) process.stderr.write(`dashboard: built into ${PAGE}\n`)
}
