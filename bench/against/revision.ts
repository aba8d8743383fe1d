import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../../core/errors.ts'

/** A version of the project, built. */
export interface Revision {
  /** Short, of its commit. */
  readonly commit: string
  /** What stands between Node.js and its flags. */
  readonly argv: readonly string[]
}

/**
 * Checks out a revision below `folder` and bundles its proxy, unless that was done before. `flags` are Node.js's. Takes a minute
 * where its packages have to be fetched. Throws WeftError `bench.option` for what is no revision, `bench.build` for one that
 * cannot be built.
 */
export function buildRevision(
  project: string,
  folder: string,
  name: string,
  flags: readonly string[],
): Revision {
  const commit = commitOf(project, name)
  const tree = join(folder, 'against', commit)
  const file = join(tree, 'dist/proxy/main.mjs')
  if (!existsSync(file)) {
    try {
      if (!existsSync(tree)) {
        mkdirSync(tree, { recursive: true })
        const archive = execFileSync('git', ['archive', commit], { cwd: project, maxBuffer: 1 << 30 })
        execFileSync('tar', ['-x', '-C', tree], { input: archive })
      }
      execFileSync('npm', ['run', '--silent', 'build', '--', 'proxy', '--quiet'], {
        cwd: tree,
        stdio: ['ignore', 2, 2],
      })
    } catch (cause) {
      throw new WeftError('bench.build', `${name} (${commit}) cannot be built in ${tree}`, { cause })
    }
  }
  return { commit, argv: [...flags, file] }
}

function commitOf(project: string, name: string): string {
  try {
    const args = ['rev-parse', '--verify', '--quiet', '--short=10', '--end-of-options', `${name}^{commit}`]
    return execFileSync('git', args, { cwd: project, encoding: 'utf8' }).trim()
  } catch {
    throw new WeftError('bench.option', `git knows no commit \`${name}\``, { field: '--against' })
  }
}
