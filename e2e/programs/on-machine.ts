import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { lack } from './lack.ts'
import type { Progress } from './progress.ts'

/**
 * Sees that the machine has a program; on Debian, as root, its package is installed. Throws WeftError `programs.lack` that
 * names the package where that cannot be.
 */
export function ensureOnMachine(program: string, debianPackage: string, progress: Progress): void {
  const has = () => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
  if (has()) return
  const cure = `install it (Debian package ${debianPackage})`
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw lack(`there is no program \`${program}\``, cure)
  progress(`apt-get install ${debianPackage}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args: readonly string[]) => spawnSync('apt-get', args, { env }).status === 0
  const install = ['install', '-qq', '-y', '--no-install-recommends', debianPackage]
  if (!apt(...install)) {
    // No package lists yet: a container image comes without.
    apt('update', '-qq')
    apt(...install)
  }
  if (!has()) throw lack(`there is no program \`${program}\`, and apt-get could not install it`, cure)
}
