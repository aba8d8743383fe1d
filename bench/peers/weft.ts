import { existsSync } from 'node:fs'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { writeBootstraps } from './bootstrap.ts'
import type { Peer } from './peer.ts'

export interface WeftProgram {
  /** What follows Node.js: a file that takes `--bootstrap FILE`, with what stands before that. */
  readonly argv: readonly string[]
  readonly nodeFlags: readonly string[]
}

/** The proxy as its image runs it: the bundle of `npm run build`, or the source while that is not there. */
export function weftProgram(project: string): readonly string[] {
  const bundle = join(project, 'dist/proxy.mjs')
  return existsSync(bundle) ? [bundle] : [join(project, 'cli/weft.ts'), 'proxy']
}

export function weft(name: string, { argv, nodeFlags }: WeftProgram): Peer {
  return {
    name,
    version: () => `${packageJson.version} on Node.js ${process.version}`,
    processes: (plan) =>
      writeBootstraps(plan).map((file, i) => ({
        port: i === 0 ? plan.ports.front : plan.ports.inner,
        argv: [process.execPath, ...nodeFlags, ...argv, '--bootstrap', file],
      })),
  }
}
