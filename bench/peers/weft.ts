import { PROXY_ENV } from '../../cli/bundle.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { writeBootstraps, type ServerOwn } from './bootstrap.ts'
import type { Peer } from './peer.ts'

/**
 * Weft's proxy, or what takes the same files; `argv` stands between Node.js and `--bootstrap FILE`. `own`: of the
 * server's sidecar; `flags`: of both, after that.
 */
export function weft(
  name: string,
  argv: readonly string[],
  own?: ServerOwn,
  flags: readonly string[] = ['--access-log', 'off'],
): Peer {
  return {
    name,
    version: () => `${packageJson.version} on Node.js ${process.version}`,
    processes: (plan) =>
      writeBootstraps(plan, own).map((file, i) => ({
        port: i === 0 ? plan.ports.front : plan.ports.inner,
        argv: [process.execPath, ...argv, '--bootstrap', file, ...flags],
        env: PROXY_ENV,
      })),
  }
}
