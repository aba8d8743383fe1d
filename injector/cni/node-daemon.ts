import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { CNI_PLUGIN } from '../../core/contract.ts'
import { WeftError } from '../../core/errors.ts'
import { createLogger } from '../../core/log.ts'
import type { LogLevel } from '../../core/log.ts'
import { runDaemon } from './daemon.ts'
import type { Shipped } from './node-program.ts'
import { apiServer, isUninstalled } from './own-daemon-set.ts'

export interface NodeDaemonFlags {
  readonly bin: string
  readonly configuration: string
  readonly state: string
  readonly healthPort: number
  readonly logLevel: LogLevel
}

/** The daemon with the programs of its image, until a signal stops it. */
export async function runNodeDaemon(flags: NodeDaemonFlags): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  const { bin, configuration, state, healthPort, logLevel } = flags
  await runDaemon({
    folders: { bin, configuration, state },
    shipped: shippedPrograms(process.execPath, process.argv[1] ?? ''),
    version: packageJson.version,
    healthPort,
    logger: createLogger('cni', logLevel),
    stopped: stop.signal,
    isUninstalled: async () => {
      const server = apiServer(process.env)
      return server !== undefined && isUninstalled(server)
    },
  })
}

/**
 * What the image has. `main`: of the bundle that runs. Throws a WeftError `cni.install` for what is not there: only the image
 * weft-cni has it all.
 */
export function shippedPrograms(node: string, main: string): Shipped {
  const find = (what: string, paths: readonly string[]) => {
    const found = paths.find((path) => existsSync(path))
    if (found === undefined)
      throw new WeftError('cni.install', `there is no ${what} here: run the image ${CNI_PLUGIN}`)
    return found
  }
  const bundle = dirname(find('bundle', main.endsWith('/main.mjs') ? [main] : []))
  const nsenter = find('nsenter', ['/usr/bin/nsenter'])
  const iptables = dirname(find('iptables-restore', ['/usr/sbin/iptables-restore']))
  const folders = ['/usr/lib', ...readdirSync('/usr/lib').map((name) => join('/usr/lib', name))]
  const extensions = folders.map((folder) => join(folder, 'xtables')).find((path) => existsSync(path))
  return { node, nsenter, iptables, extensions, bundle }
}
