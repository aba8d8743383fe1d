import { ENVOY_VERSION } from '../../e2e/programs/envoy.ts'
import { writeBootstraps } from './bootstrap.ts'
import type { Peer } from './peer.ts'

/** Envoy with one worker, from the same files as Weft. */
export function envoy(binary: string): Peer {
  return {
    name: 'envoy',
    version: () => ENVOY_VERSION,
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
