import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startControlPlane, type RunningControlPlane } from '../../control-plane/app.ts'
import { manifestsPlatform } from '../../control-plane/platform/manifests.ts'
import { silentLogger } from '../../core/log.ts'
import type { Teardown } from '../pair/testing/pair.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

/**
 * A control plane in this process, on loopback, also in plaintext, that takes what is written to `folder`/manifests, a
 * directory that it makes. Closed with the test.
 */
export async function controlPlaneOfManifests(t: Teardown, folder: string): Promise<RunningControlPlane> {
  for (const name of ['manifests', 'tokens']) mkdirSync(join(folder, name))
  const running = await startControlPlane({
    platform: manifestsPlatform({
      manifests: [join(folder, 'manifests')],
      issuer: { kind: 'own', caDirectory: join(folder, 'ca') },
      tokenKeyDirectory: join(folder, 'tokens'),
    }),
    trustDomain: 'cluster.local',
    dnsNames: ['weft-control-plane.weft-system.svc'],
    grpc: LOOPBACK,
    grpcPlaintext: LOOPBACK,
    http: LOOPBACK,
    samplingPercent: 1,
    dashboard: new Map(),
    log: silentLogger,
  })
  t.teardown(() => running.close())
  return running
}
