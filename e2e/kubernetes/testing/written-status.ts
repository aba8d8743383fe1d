import type { Test } from 'tap'
import { openCaStore } from '../../../certs/ca-store.ts'
import { findObject } from '../../../control-plane/kubernetes/find-object.ts'
import { openConnection } from '../../../control-plane/kubernetes/open-connection.ts'
import { createMesh } from '../../../control-plane/mesh.ts'
import type { StartWriter } from '../../../control-plane/publish/writer.ts'
import { KubernetesSource } from '../../../control-plane/registry/kubernetes/kubernetes-source.ts'
import { systemClock } from '../../../core/clock.ts'
import { silentLogger } from '../../../core/log.ts'
import { Watched } from '../../../core/watched.ts'
import { authorityIssuer } from '../../../control-plane/issuers/own-ca.ts'
import type { KubernetesCluster } from '../cluster/cluster.ts'

const POLL_MS = 50

/** Waits until the status of an object holds, and gives it. `path` is that of its list. */
export type AwaitStatus = <T>(
  path: string,
  name: string,
  holds: (status: Partial<T>) => boolean,
) => Promise<Partial<T>>

/** A mesh of the cluster whose writers keep the status of objects until the test ends. */
export async function writtenStatus(
  t: Test,
  { kubeconfig }: KubernetesCluster,
  writers: readonly StartWriter[],
): Promise<AwaitStatus> {
  const connection = await openConnection({ kubeconfig })
  t.teardown(() => connection.close())
  const source = new KubernetesSource({ connection, log: silentLogger })
  await source.synced
  const mesh = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger })
  t.teardown(() => mesh.close())
  const ca = openCaStore({ directory: t.testdir({}), trustDomain: 'cluster.local' })
  for (const start of writers) {
    const writer = start({
      connection,
      namespace: 'weft-system',
      snapshot: source.snapshot,
      routeStatus: mesh.snapshot,
      policyStatus: mesh.snapshot,
      tokenKeys: new Watched(new Map()),
      counts: { totals: () => Promise.resolve([]) },
      issuer: authorityIssuer('the CA', ca.authority),
      mayWrite: () => true,
      log: silentLogger,
      clock: systemClock,
    })
    t.teardown(() => writer.stop())
  }
  return async <T>(path: string, name: string, holds: (status: Partial<T>) => boolean) => {
    for (;;) {
      const object = await findObject(connection, path, name)
      const status = (object?.['status'] ?? {}) as Partial<T>
      if (holds(status)) return status
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }
}
