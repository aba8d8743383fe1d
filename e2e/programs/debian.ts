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

// What is unpacked together stands below one folder.
const PROXIES = { folder: 'debian', packages: ['nginx', 'libnginx-mod-stream', 'haproxy'] }
const NGHTTP2 = { folder: 'debian-nghttp2', packages: ['nghttp2-client'] }
const PROMETHEUS = { folder: 'debian-prometheus', packages: ['prometheus'] }
const PROGRAMS = {
  nginx: { ...PROXIES, path: 'usr/sbin/nginx' },
  haproxy: { ...PROXIES, path: 'usr/sbin/haproxy' },
  nghttp: { ...NGHTTP2, path: 'usr/bin/nghttp' },
  h2load: { ...NGHTTP2, path: 'usr/bin/h2load' },
  'redis-server': {
    folder: 'debian-redis',
    packages: ['redis-server', 'redis-tools'],
    path: 'usr/bin/redis-server',
  },
  prometheus: { ...PROMETHEUS, path: 'usr/bin/prometheus' },
  promtool: { ...PROMETHEUS, path: 'usr/bin/promtool' },
} as const
// PostgreSQL's compiler of expressions, and what only its installation scripts use: 200 MB.
const LEFT_OUT = /^(libllvm|libz3|libclang|perl|libperl|locales)/
const QUIET: ExecFileSyncOptions = { stdio: ['ignore', 'pipe', 'pipe'] }

/**
 * A program of this Debian, unpacked below `folder` with the libraries that the machine lacks: nothing is
 * installed or started, and no root is needed. Throws WeftError `program.missing` that says what lacks.
 */
export function debianProgram(name: keyof typeof PROGRAMS, folder: string): InstalledProgram {
  const program = PROGRAMS[name]
  const root = join(folder, program.folder)
  const path = join(root, program.path)
  if (!existsSync(path)) unpack(root, program.packages)
  return { argv: [path], env: { LD_LIBRARY_PATH: libraries(root).join(':') }, root }
}

/** Folder of PostgreSQL's programs: those of the machine, or unpacked below `folder`. Throws as `debianProgram` does. */
export function debianPostgresql(folder: string): InstalledProgram {
  const root = join(folder, 'debian-postgresql')
  const find = (base: string): string | undefined => {
    const versions = join(base, 'usr/lib/postgresql')
    if (!existsSync(versions)) return undefined
    return readdirSync(versions)
      .map((version) => join(versions, version, 'bin'))
      .findLast((bin) => existsSync(join(bin, 'initdb')))
  }
  const installed = find('/')
  if (installed !== undefined) return { argv: [installed], env: {}, root: '/' }
  if (find(root) === undefined) unpack(root, ['postgresql'])
  return { argv: [find(root) ?? root], env: { LD_LIBRARY_PATH: libraries(root).join(':') }, root }
}

function unpack(root: string, packages: readonly string[]): void {
  const archives = join(root, 'archives')
  mkdirSync(archives, { recursive: true })
  try {
    let wanted = ''
    try {
      wanted = wantedPackages(packages)
    } catch {
      // No package lists yet: a container image comes without.
      execFileSync('apt-get', ['update', '-qq'], QUIET)
      wanted = wantedPackages(packages)
    }
    // What is installed already is not among them: it is unpacked too, so that the programs stand in one place.
    const names = new Set([
      ...packages,
      ...[...wanted.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name as string),
    ])
    const fetched = [...names].filter((name) => !LEFT_OUT.test(name))
    execFileSync('apt-get', ['download', '-qq', ...fetched], { ...QUIET, cwd: archives })
    for (const archive of readdirSync(archives))
      execFileSync('dpkg-deb', ['-x', join(archives, archive), root], QUIET)
    rmSync(archives, { recursive: true })
  } catch (error) {
    rmSync(root, { recursive: true, force: true })
    throw new WeftError(
      'program.missing',
      `${packages.join(', ')}: fetched from Debian by apt-get (as root where its lists are missing): ${lastLine(error)}`,
      { cause: error },
    )
  }
}

function wantedPackages(packages: readonly string[]): string {
  return String(execFileSync('apt-get', ['install', '-s', '--no-install-recommends', ...packages], QUIET))
}

function libraries(root: string): string[] {
  return ['usr/lib', 'lib']
    .map((below) => join(root, below))
    .filter((base) => existsSync(base))
    .flatMap((base) => readdirSync(base).map((entry) => join(base, entry)))
    .filter((path) => path.endsWith('-linux-gnu'))
}

/** What a command said last before it failed. */
export function lastLine(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? error.stderr : undefined
  const said = Buffer.isBuffer(stderr) ? stderr.toString().trim() : ''
  return said === '' ? describeError(error) : (said.split('\n').at(-1) as string)
}
