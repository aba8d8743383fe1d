import { readFileSync } from 'node:fs'
import { createLogger } from '../../core/log.ts'
import type { Host } from './apply.ts'
import type { RunCommand } from './iptables.ts'

/** The kernel of where this process runs, and programs as `run` runs them; what is done is logged by `write`. */
export function kernel(run: RunCommand, write: (line: string) => void): Host {
  return {
    run,
    ifInet6: () => readIfPresent('/proc/net/if_inet6'),
    status: () => readIfPresent('/proc/self/status') ?? '',
    logger: createLogger('init', 'info', write),
  }
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
