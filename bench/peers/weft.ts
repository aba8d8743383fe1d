import { existsSync } from 'node:fs'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { writeBootstraps } from './bootstrap.ts'
import type { Peer } from './peer.ts'

/** Weft's proxy as its image runs it: the bundle of `npm run build`, or the source when that is not there. */
export function weft(project: string, nodeFlags: readonly string[]): Peer {
  const bundle = join(project, 'dist/proxy.mjs')
  const program = existsSync(bundle) ? [bundle] : [join(project, 'cli/weft.ts'), 'proxy']
  return {
    name: 'weft',
    version: () => `${packageJson.version} on Node.js ${process.version}`,
    processes: (plan) =>
      writeBootstraps(plan).map((file, i) => ({
        port: i === 0 ? plan.ports.front : plan.ports.inner,
        argv: [process.execPath, ...nodeFlags, ...program, '--bootstrap', file],
      })),
  }
}
