import type { MeshObject } from './registry/kinds/kinds.ts'
import type { Snapshot } from './registry/snapshot.ts'

/**
 * The objects by which it is decided who may, and where requests go, as they were read; plain JSON. Whoever translates them gets
 * what is in force, and with others besides what would be. Nothing in them is secret: they are what whoever may read policies and
 * pods reads, without environment and volumes.
 */
export function policyObjects(snapshot: Snapshot): readonly MeshObject[] {
  return [
    snapshot.namespaces,
    snapshot.services,
    snapshot.slices,
    snapshot.pods,
    snapshot.httpRoutes,
    snapshot.grpcRoutes,
    snapshot.tlsRoutes,
    snapshot.tcpRoutes,
    snapshot.trafficPolicies,
    snapshot.xBackendTrafficPolicies,
    snapshot.peerAuthentications,
    snapshot.authorizationPolicies,
    snapshot.meshPolicies,
  ].flatMap((table): readonly MeshObject[] => [...table.values()])
}
