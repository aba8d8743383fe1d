import type { Step } from '../../demo/scenario.ts'
import type { KubernetesCluster } from '../cluster/cluster.ts'
import type { Progress } from '../../programs/progress.ts'
import type { ControllerPart } from './programs.ts'

/** A program of another project that moves the weights of routes. */
export interface Controller {
  readonly name: string
  /** As its project has it. */
  readonly version: string
  readonly part: ControllerPart
  /** Installs it, made of the files in `folder`, into a cluster that has the mesh and Prometheus; resolves when it is ready. */
  install(cluster: KubernetesCluster, folder: string, progress: Progress): Promise<void>
  readonly steps: readonly Step<KubernetesCluster>[]
}
