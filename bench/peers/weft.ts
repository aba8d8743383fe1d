import packageJson from '../../package.json' with { type: 'json' }
import { writeBootstraps } from './bootstrap.ts'
import type { Peer } from './peer.ts'

export interface WeftProgram {
  /** What follows Node.js, before `--bootstrap FILE`. */
  readonly argv: readonly string[]
  readonly nodeFlags: readonly string[]
}

/** Weft's proxy, or what takes the same files. */
export function weft(name: string, { argv, nodeFlags }: WeftProgram): Peer {
  return {
    name,
    version: () => `${packageJson.version} on Node.js ${process.version}`,
    processes: (plan) =>
      writeBootstraps(plan).map((file, i) => ({
        port: i === 0 ? plan.ports.front : plan.ports.inner,
        argv: [process.execPath, ...nodeFlags, ...argv, '--bootstrap', file, '--access-log', 'off'],
      })),
  }
}
