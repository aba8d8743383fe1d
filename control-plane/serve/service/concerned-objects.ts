import type { Kind } from '../../registry/kinds/kinds.ts'
import { MESH_POLICY_NAME } from '../../registry/kinds/mesh-policy.ts'
import { selects } from '../../registry/kinds/label-selector.ts'
import type { Meta } from '../../registry/kinds/meta.ts'
import type { ObjectReference } from '../../registry/object-reference.ts'
import type { Snapshot } from '../../registry/snapshot.ts'

interface Target {
  readonly kind: string
  readonly name: string
  readonly namespace?: string
}

/** More are not told of one Service. */
const MOST_OBJECTS = 60

/**
 * Objects that say what becomes of a Service's requests: itself, routes that hang on it, Canaries that move these, and policies for
 * it, for its routes, its pods (by `labels` of each), all of its namespace, or all of the mesh, which are in `systemNamespace`.
 */
export function concernedObjects(
  snapshot: Snapshot,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  labels: readonly Readonly<Record<string, string>>[],
  systemNamespace: string,
): readonly ObjectReference[] {
  const found: ObjectReference[] = []
  const add = (kind: Kind, meta: Pick<Meta, 'namespace' | 'name'>): void => {
    found.push({ kind, namespace: meta.namespace, name: meta.name })
  }
  if (!snapshot.services.has(`${namespace}/${name}`)) return []
  add('Service', { namespace, name })
  const routes = new Set<string>()
  for (const table of [snapshot.httpRoutes, snapshot.grpcRoutes, snapshot.tlsRoutes, snapshot.tcpRoutes])
    for (const { kind, meta, parentRefs } of table.values())
      if (
        parentRefs.some((ref) => ref.kind === 'Service' && ref.namespace === namespace && ref.name === name)
      ) {
        routes.add(`${kind}/${meta.namespace}/${meta.name}`)
        add(kind, meta)
      }
  for (const { meta, spec } of snapshot.canaries.values())
    if (routes.has(`${spec.route.kind}/${meta.namespace}/${spec.route.name}`)) add('Canary', meta)
  const names = ({ kind, name: target, namespace: home }: Target, own: string): boolean =>
    (home ?? own) === namespace &&
    ((kind === 'Service' && target === name) || (kind === 'Namespace' && target === namespace))
  const namesRoute = ({ kind, name: target }: Target, own: string): boolean =>
    routes.has(`${kind}/${own}/${target}`)
  for (const table of [snapshot.trafficPolicies, snapshot.xBackendTrafficPolicies])
    for (const { kind, meta, targetRefs } of table.values())
      if (targetRefs.some((ref) => names(ref, meta.namespace) || namesRoute(ref, meta.namespace)))
        add(kind, meta)
  for (const table of [snapshot.authorizationPolicies, snapshot.requestAuthentications])
    for (const { kind, meta, selector, targetRefs } of table.values()) {
      const whole = selector === undefined && targetRefs.length === 0
      if (whole && meta.namespace === systemNamespace) add(kind, meta)
      if (meta.namespace !== namespace || meta.namespace === systemNamespace) continue
      const picked = selector !== undefined && labels.some((one) => selects(selector, one))
      if (whole || picked || targetRefs.some((ref) => names(ref, meta.namespace))) add(kind, meta)
    }
  for (const { meta, selector } of snapshot.peerAuthentications.values())
    if (
      meta.namespace === namespace &&
      (selector === undefined || labels.some((one) => selects(selector, one)))
    )
      add('PeerAuthentication', meta)
  const ofMesh = snapshot.meshPolicies.get(`${systemNamespace}/${MESH_POLICY_NAME}`)
  if (ofMesh) add(ofMesh.kind, ofMesh.meta)
  return found.slice(0, MOST_OBJECTS)
}
