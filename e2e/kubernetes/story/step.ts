import type { MeshCluster, Step } from '../../demo/scenario.ts'
import type { KubernetesCluster } from '../cluster/cluster.ts'

/** What the steps on Kubernetes have beyond those of any mesh: the cluster itself. */
export interface KubernetesMesh extends MeshCluster {
  readonly kubernetes: KubernetesCluster
  apply(manifest: string): Promise<void>
}

export type KubernetesStep = Step<KubernetesMesh>
