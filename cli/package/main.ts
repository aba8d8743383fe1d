import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeError } from '../../core/errors.ts'
import { bundle, PACKAGES } from '../bundle.ts'
import { writeManual } from '../reference/main.ts'

const USAGE = `Usage: node cli/package/main.ts prepare|restore

What npm runs around \`npm pack\` (prepack, postpack): prepares the bundle of the command, the manual pages and a
package.json that asks for nothing that the bundle has in it; then restores the clone's package.json.
`

const PROJECT = join(import.meta.dirname, '../..')
const MANIFEST = join(PROJECT, 'package.json')
/** The clone's own package.json, while npm packs. */
const KEPT = join(PROJECT, 'dist/package.json.clone')

type Versions = Readonly<Record<string, string>>
interface Manifest {
  readonly dependencies: Versions
  readonly [field: string]: unknown
}

/** Fields that are for whoever has a clone. */
const OF_THE_CLONE = ['private', 'scripts', 'devDependencies', 'optionalDependencies']

/**
 * A clone's package.json as it is published: with the packages alone that stay out of the bundle, and with `pages`, paths
 * of manual pages.
 */
export function publishedManifest(manifest: Manifest, pages: readonly string[]): Manifest {
  const stays = new Set(PACKAGES['weft'])
  const kept = Object.entries(manifest).filter(([field]) => !OF_THE_CLONE.includes(field))
  const dependencies = Object.entries(manifest.dependencies).filter(([name]) => stays.has(name))
  return { ...Object.fromEntries(kept), man: pages, dependencies: Object.fromEntries(dependencies) }
}

async function prepare(): Promise<void> {
  // Of a pack that was ended in the middle.
  restore()
  await bundle('weft', { packages: false })
  const manual = join(PROJECT, 'dist/man')
  rmSync(manual, { recursive: true, force: true })
  const pages = (await writeManual(manual)).map((path) => path.slice(PROJECT.length + 1))
  const text = readFileSync(MANIFEST, 'utf8')
  mkdirSync(join(PROJECT, 'dist'), { recursive: true })
  writeFileSync(KEPT, text)
  const published = publishedManifest(JSON.parse(text) as Manifest, pages)
  writeFileSync(MANIFEST, `${JSON.stringify(published, undefined, 2)}\n`)
}

function restore(): void {
  if (!existsSync(KEPT)) return
  writeFileSync(MANIFEST, readFileSync(KEPT))
  rmSync(KEPT)
}

async function main([task]: readonly string[]): Promise<number> {
  if (task === 'prepare') await prepare()
  else if (task === 'restore') restore()
  else {
    process.stderr.write(USAGE)
    return task === '--help' ? 0 : 2
  }
  return 0
}

if (import.meta.main)
  main(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code
    },
    (error: unknown) => {
      process.stderr.write(`package: ${describeError(error)}\n`)
      process.exitCode = 1
    },
  )
