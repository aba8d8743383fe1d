import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../core/errors.ts'
import { mustRun, runCommand } from '../local/node/run-command.ts'
import { LACK } from './debian.ts'

const PROJECT = join(import.meta.dirname, '..')

interface LockedPackage {
  readonly version: string
  readonly integrity?: string
  /** Only development has it. */
  readonly dev?: boolean
}

/** package-lock.json's packages, by their path in the clone. */
export function lockedPackages(): Readonly<Record<string, LockedPackage>> {
  const lock = JSON.parse(readFileSync(join(PROJECT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>
  }
  return lock.packages
}

/**
 * The folder of a package of the lock file: as npm installed it, or, for another processor than this machine's, fetched into
 * `work` and held to the hash in the lock file. Throws WeftError `release.lack` where it cannot be had, `release.package`
 * where it is another one.
 */
export async function npmPackage(name: string, work: string): Promise<string> {
  const installed = join(PROJECT, 'node_modules', name)
  if (existsSync(installed)) return installed
  const entry = lockedPackages()[`node_modules/${name}`]
  if (!entry?.integrity) throw new WeftError('release.package', `package-lock.json has no hash of ${name}`)
  const folder = join(work, name)
  mkdirSync(folder, { recursive: true })
  const argv = [
    'npm',
    'pack',
    `${name}@${entry.version}`,
    '--silent',
    '--ignore-scripts',
    `--pack-destination=${folder}`,
  ]
  const { code, stdout, stderr } = await runCommand(argv)
  if (code !== 0) throw new WeftError(LACK, `npm cannot fetch ${name} ${entry.version}: ${stderr.trim()}`)
  const archive = join(folder, stdout.trim().split('\n').at(-1) ?? '')
  const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
  if (integrity !== entry.integrity)
    throw new WeftError(
      'release.package',
      `${name} ${entry.version} is not what package-lock.json has: ${integrity}`,
    )
  await mustRun([
    'tar',
    '--extract',
    '--gzip',
    `--file=${archive}`,
    `--directory=${folder}`,
    '--strip-components=1',
  ])
  return folder
}
