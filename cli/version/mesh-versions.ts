import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { INJECTED_LABEL } from '../../core/contract.ts'
import { sidecarVersion } from '../check/pods.ts'
import { listObjects, textAt } from '../cluster/objects.ts'
import { askControlPlanes } from '../mesh/control-planes.ts'

export interface MeshVersions {
  /** A replica that could not be asked has no version, but the reason. */
  readonly controlPlanes: readonly {
    readonly replica: string
    readonly version: string
    readonly error?: string
  }[]
  /** How many pods run each version, the most frequent first. */
  readonly sidecars: readonly { readonly version: string; readonly pods: number }[]
}

/** What each replica of the control plane says of itself, and what the injector wrote on pods that run. Throws KubernetesError. */
export async function meshVersions(connection: KubernetesConnection, system: string): Promise<MeshVersions> {
  const [replicas, pods] = await Promise.all([
    askControlPlanes({ connection, system }),
    listObjects(connection, '/api/v1/pods', { labelSelector: `${INJECTED_LABEL}=true` }),
  ])
  const counts = new Map<string, number>()
  for (const pod of pods) {
    if (['Succeeded', 'Failed'].includes(textAt(pod.body, 'status', 'phase'))) continue
    const version = sidecarVersion(pod)
    counts.set(version, (counts.get(version) ?? 0) + 1)
  }
  return {
    controlPlanes: replicas.map(({ replica, release, error }) => ({
      replica,
      version: release,
      ...(error === undefined ? {} : { error }),
    })),
    sidecars: [...counts]
      .map(([version, count]) => ({ version, pods: count }))
      .sort((a, b) => b.pods - a.pods),
  }
}
