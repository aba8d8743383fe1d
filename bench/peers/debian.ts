import { execFileSync, type ExecFileSyncOptions } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describeError, WeftError } from '../../core/errors.ts'

/** A program that can be started from here. */
export interface InstalledProgram {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Its files stand below this folder as they would below `/`. */
  readonly root: string
}

const PACKAGES = ['nginx', 'libnginx-mod-stream', 'haproxy']
const QUIET: ExecFileSyncOptions = { stdio: ['ignore', 'pipe', 'pipe'] }

/**
 * nginx and haproxy of this Debian, unpacked below `folder` with the libraries that the machine lacks: nothing is
 * installed or started, and no root is needed. Throws WeftError `bench.peer` that says what lacks.
 */
export function debianProgram(name: 'nginx' | 'haproxy', folder: string): InstalledProgram {
  const root = join(folder, 'debian')
  const path = join(root, 'usr/sbin', name)
  if (!existsSync(path)) unpack(root)
  return { argv: [path], env: { LD_LIBRARY_PATH: libraries(root).join(':') }, root }
}

function unpack(root: string): void {
  const archives = join(root, 'archives')
  mkdirSync(archives, { recursive: true })
  try {
    let wanted = ''
    try {
      wanted = wantedPackages()
    } catch {
      // No package lists yet: a container image comes without.
      execFileSync('apt-get', ['update', '-qq'], QUIET)
      wanted = wantedPackages()
    }
    // What is installed already is not among them: it is unpacked too, so that the programs stand in one place.
    const names = new Set([
      ...PACKAGES,
      ...[...wanted.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name as string),
    ])
    execFileSync('apt-get', ['download', '-qq', ...names], { ...QUIET, cwd: archives })
    for (const archive of readdirSync(archives))
      execFileSync('dpkg-deb', ['-x', join(archives, archive), root], QUIET)
    rmSync(archives, { recursive: true })
  } catch (error) {
    rmSync(root, { recursive: true, force: true })
    throw new WeftError(
      'bench.peer',
      `nginx and haproxy come from Debian's packages, by apt-get (as root where its lists are missing): ${lastLine(error)}`,
      { cause: error },
    )
  }
}

function wantedPackages(): string {
  return String(execFileSync('apt-get', ['install', '-s', '--no-install-recommends', ...PACKAGES], QUIET))
}

function libraries(root: string): string[] {
  const base = join(root, 'usr/lib')
  return readdirSync(base)
    .filter((entry) => entry.endsWith('-linux-gnu'))
    .map((entry) => join(base, entry))
}

/** What a command said last before it failed. */
export function lastLine(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? error.stderr : undefined
  const said = Buffer.isBuffer(stderr) ? stderr.toString().trim() : ''
  return said === '' ? describeError(error) : (said.split('\n').at(-1) as string)
}
