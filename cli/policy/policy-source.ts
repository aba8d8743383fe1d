import type { TargetsView, WorkloadAuthorizationView } from '../../control-plane/authorization-view.ts'
import { firstBody, type MeshApi } from '../mesh/mesh-api.ts'

/** Where policies come from: the control planes of a mesh, or manifests. */
export interface PolicySource {
  /** What holds for a pod; undefined: there is none with a sidecar. */
  workload(namespace: string, pod: string): Promise<WorkloadAuthorizationView | undefined>
  targets(namespace: string, name: string, port: number): Promise<TargetsView>
}

/** What control planes say; each has the same policies, so that the first answer is that of all. */
export function meshPolicies(api: MeshApi): PolicySource {
  return {
    // Both are what the control plane of this release gives under these addresses.
    workload: async (namespace, pod) =>
      firstBody(await api.ask(`authorization/workloads/${namespace}/${pod}`)) as
        | WorkloadAuthorizationView
        | undefined,
    targets: async (namespace, name, port) =>
      (firstBody(await api.ask(`authorization/targets/${namespace}/${name}/${port}`)) as
        | TargetsView
        | undefined) ?? {
        kind: 'none',
        ports: [],
        targets: [],
      },
  }
}
