import type { MeshBrain } from '../../mesh.ts'
import type { RouteStatus } from '../../model/route.ts'
import type { SourceError } from '../../registry/source.ts'
import type { ServiceView } from '../../service-view.ts'

/** A proxy, or another xDS client, whose stream is open. Plain JSON. */
export interface ProxyView {
  /** `pod.namespace` */
  readonly node: string
  readonly namespace: string
  readonly pod: string
  readonly serviceAccount: string
  /** Milliseconds since the epoch. */
  readonly connectedAt: number
  /** Version of the mesh that it took last. */
  readonly version: number
  /** Why it refused what it was sent last, or ''. */
  readonly rejected: string
}

/** The mesh as people look at it; read anew for each answer. */
export interface MeshOverview {
  /** Grows with every change of the mesh. */
  version(): number
  readonly trustDomain: string
  services(): readonly ServiceView[]
  /** Pods with a sidecar. */
  workloads(): number
  routeStatus(): readonly RouteStatus[]
  configErrors(): readonly SourceError[]
  proxies(): readonly ProxyView[]
}

export function overviewOf(
  brain: MeshBrain,
  trustDomain: string,
  proxies: () => readonly ProxyView[],
): MeshOverview {
  return {
    trustDomain,
    proxies,
    version: () => brain.snapshot.value.version,
    services: () => brain.snapshot.value.services,
    workloads: () => brain.snapshot.value.model.workloads.size,
    routeStatus: () => brain.snapshot.value.routeStatus,
    configErrors: () => brain.errors.value,
  }
}
