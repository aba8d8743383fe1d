import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Progress } from './progress.ts'
import { lockDirectory } from './lock.ts'

/** Outside the work tree: `$XDG_CACHE_HOME/weft/programs`, or below `~/.cache`. A version is part of its folder's name. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  return join(base, 'weft', 'programs')
}

const RECORD = 'record.json'

/** Whether a folder of the cache is there, whole. */
export function isCached(name: string, env: NodeJS.ProcessEnv = process.env): boolean {
  return existsSync(join(cacheDirectory(env), name, RECORD))
}

/**
 * A folder of the cache that is made once. `make` fills an empty folder beside it, and gives what to record (versions,
 * where from). The folder gets its name only when all is in it, with the SHA-256 of each file in `record.json`: what
 * was cut off in the middle has another name, and is cleared away by whoever makes it next.
 */
export async function madeOnce(
  name: string,
  progress: Progress,
  make: (folder: string) => Promise<Readonly<Record<string, string>>>,
): Promise<string> {
  const cache = cacheDirectory()
  const folder = join(cache, name)
  if (isCached(name)) return folder
  mkdirSync(cache, { recursive: true })
  const unlock = await lockDirectory(join(cache, `${name}.lock`), () =>
    progress(`${name}: another process makes it; waiting`),
  )
  try {
    if (isCached(name)) return folder
    for (const entry of readdirSync(cache)) {
      if (entry.startsWith(`${name}.part-`)) rmSync(join(cache, entry), { recursive: true, force: true })
    }
    const part = mkdtempSync(join(cache, `${name}.part-`))
    const began = performance.now()
    const made = await make(part)
    const seconds = Math.round((performance.now() - began) / 1000)
    const record = { ...made, seconds, sha256: await checksums(part) }
    writeFileSync(join(part, RECORD), `${JSON.stringify(record, undefined, 2)}\n`)
    rmSync(folder, { recursive: true, force: true })
    renameSync(part, folder)
    progress(`${name}: made in ${seconds} s`)
    return folder
  } finally {
    unlock()
  }
}

async function checksums(folder: string): Promise<Record<string, string>> {
  const sums: Record<string, string> = {}
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  for (const path of entries.map((one) => join(one.parentPath, one.name)).sort()) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    sums[path.slice(folder.length + 1)] = hash.digest('hex')
  }
  return sums
}
