import { spawn } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { WeftError } from '../core/errors.ts'

/** Programs of the machine and the Debian packages that have them. */
const PROGRAMS: readonly (readonly [program: string, debianPackage: string])[] = [
  ['iptables', 'iptables'],
  ['iptables-restore', 'iptables'],
  ['ip', 'iproute2'],
  ['unshare', 'util-linux'],
  ['nsenter', 'util-linux'],
  ['setpriv', 'util-linux'],
  ['mount', 'mount'],
  ['hostname', 'hostname'],
]

export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface Machine {
  readonly root: boolean
  has(program: string): boolean
  /** The text of a file, or undefined. */
  read(path: string): string | undefined
}

export const thisMachine: Machine = {
  root: process.getuid?.() === 0,
  has: (program) =>
    SYSTEM_PATH.split(delimiter).some((directory) => {
      try {
        accessSync(join(directory, program), constants.X_OK)
        return true
      } catch {
        return false
      }
    }),
  read(path) {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  },
}

export interface Lack {
  readonly message: string
  /** The Debian package that would cure it. */
  readonly debianPackage: string | undefined
}

/** What this machine lacks to run a cluster; empty when nothing. */
export function findLacks(
  machine: Machine,
  more: typeof PROGRAMS = [],
  userName = userInfo().username,
): Lack[] {
  if (process.platform !== 'linux') return [{ message: 'needs Linux', debianPackage: undefined }]
  const lacks: Lack[] = [...PROGRAMS, ...more]
    .filter(([program]) => !machine.has(program))
    .map(([program, debianPackage]) => ({
      message: `needs the program \`${program}\` (Debian package ${debianPackage})`,
      debianPackage,
    }))
  if (machine.root) return lacks
  if (!machine.has('newuidmap')) {
    lacks.push({
      message: 'needs `newuidmap` to run without root (Debian package uidmap)',
      debianPackage: 'uidmap',
    })
  }
  const limit = machine.read('/proc/sys/user/max_user_namespaces')?.trim()
  const allowed = machine.read('/proc/sys/kernel/unprivileged_userns_clone')?.trim()
  if (limit === '0' || allowed === '0') {
    lacks.push({
      message:
        'needs root, or user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces)',
      debianPackage: undefined,
    })
  }
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    const ranges = machine.read(file) ?? ''
    if (ranges.split('\n').some((line) => line.startsWith(`${userName}:`))) continue
    lacks.push({
      message: `needs a range of ids for ${userName} in ${file} (as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${userName})`,
      debianPackage: undefined,
    })
  }
  return lacks
}

/**
 * Makes sure that a cluster can run here. As root on Debian, missing packages are installed, and each
 * step is told to `progress`. Throws a WeftError that lists all that is lacking and cannot be cured.
 */
export async function ensureRequirements(
  progress: (line: string) => void,
  more: typeof PROGRAMS = [],
): Promise<void> {
  let lacks = findLacks(thisMachine, more)
  const packages = [...new Set(lacks.flatMap((lack) => lack.debianPackage ?? []))]
  if (packages.length > 0 && thisMachine.root && thisMachine.has('apt-get')) {
    progress(`installing ${packages.join(', ')} with apt-get`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', PATH: SYSTEM_PATH }
    await run(['apt-get', 'update', '-qq'], env)
    await run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages], env)
    lacks = findLacks(thisMachine, more)
  }
  if (lacks.length === 0) return
  const list = lacks.map((lack) => `  - ${lack.message}`).join('\n')
  throw new WeftError('local.requirements', `this machine cannot run a local cluster:\n${list}`)
}

function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const [program = '', ...args] = argv
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-1000)))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else
        reject(new WeftError('local.install', `${argv.join(' ')} failed: ${said.trim().split('\n').at(-1)}`))
    })
  })
}
