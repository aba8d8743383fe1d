import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const MANIFEST = /^[^.#~].*\.(ya?ml|json)$/
/** What editors and atomic writers leave beside a file for a moment. */
const TEMPORARY = /(~$|\.sw[a-z]$|\.tmp$|^\.|^#|\.bak$|\.orig$)/

export function isManifestName(name: string): boolean {
  return MANIFEST.test(name) && !TEMPORARY.test(name)
}

export interface DirectoryScan {
  /** Full path -> what tells one state of a file from another. */
  readonly files: ReadonlyMap<string, string>
  readonly directories: ReadonlySet<string>
}

const MAX_DEPTH = 16
/** The longest of a kernel, at 100 Hz, and some more. */
const TICK_MS = 20

/**
 * Manifests under `root` with their state (inode, size, times to the nanosecond). Symbolic links are
 * followed (ConfigMap volumes are made of them). What vanishes meanwhile is left out.
 */
export function scanDirectory(root: string): DirectoryScan {
  const files = new Map<string, string>()
  const directories = new Set<string>()
  walk(root, 0)
  return { files, directories }

  function walk(directory: string, depth: number): void {
    let entries
    try {
      entries = readdirSync(directory, { withFileTypes: true })
    } catch {
      return
    }
    directories.add(directory)
    for (const entry of entries) {
      const path = join(directory, entry.name)
      const linked = entry.isSymbolicLink()
      if ((entry.isFile() || linked) && isManifestName(entry.name)) {
        const state = stateOf(path)
        if (state !== undefined) files.set(path, state)
      } else if (entry.isDirectory() && !entry.name.startsWith('.') && depth < MAX_DEPTH)
        walk(path, depth + 1)
    }
  }
}

export function stateOf(path: string): string | undefined {
  try {
    const stat = statSync(path, { bigint: true })
    if (!stat.isFile()) return undefined
    const state = `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`
    // Kernels before 6.13 stamp files by their tick: another edit in the same one would look like this state.
    const age = Date.now() - Number(stat.ctimeMs)
    return age >= 0 && age < TICK_MS ? `${state} at ${performance.now()}` : state
  } catch {
    return undefined
  }
}
