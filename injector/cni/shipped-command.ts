import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { RunCommand } from '../rules/iptables.ts'

/** Where the plugin that runs on the node finds what came with it. */
export const ROOT_VARIABLE = 'WEFT_CNI_ROOT'
export const LOADER_VARIABLE = 'WEFT_CNI_LOADER'

const TIMEOUT_MS = 20_000

/**
 * Runs programs that came with the plugin, by the loader and with the libraries that came along: those of the node may be
 * others, or none. One after the other: the plugin has nothing else to do, and streams would cost it more than they save. What
 * it takes is loaded by the first, and by none of a pod without a sidecar.
 */
export function shippedCommand(root: string, loader: string): RunCommand {
  const library = join(root, 'lib')
  return (program, args, input) => {
    const path = join(root, 'bin', program)
    if (!existsSync(path)) return Promise.reject(new Error(`there is no ${path}`))
    const { spawnSync } = process.getBuiltinModule('node:child_process')
    const argv = ['--argv0', program, '--library-path', library, path, ...args]
    const { status, stdout, stderr, error } = spawnSync(join(library, loader), argv, {
      // The legacy backend's lock: in a network of its own it is nobody else's.
      env: { ...process.env, XTABLES_LOCKFILE: '/dev/shm/xtables.lock' },
      timeout: TIMEOUT_MS,
      input,
      encoding: 'utf8',
    })
    // EPIPE: it ended without reading; its exit code tells the story.
    if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE') return Promise.reject(error)
    return Promise.resolve({ code: status ?? 1, stdout, stderr })
  }
}
