import { isDeepStrictEqual } from 'node:util'
import { silentLogger } from '../../../core/log.ts'
import type { KubernetesConnection } from '../../../control-plane/kubernetes/connection.ts'
import { KubernetesSource } from '../../../control-plane/registry/kubernetes/kubernetes-source.ts'
import type { RouteProblem, RouteStatus } from '../../../control-plane/model/route.ts'
import type { Snapshot } from '../../../control-plane/registry/snapshot.ts'
import { Translator } from '../../../control-plane/translate/translate.ts'

/** Resolves once `source` holds what one that starts now reads: the same objects, and the same mesh from them. */
export async function untilSameAsFresh(
  source: KubernetesSource,
  direct: KubernetesConnection,
): Promise<void> {
  for (;;) {
    const fresh = new KubernetesSource({ connection: direct, log: silentLogger })
    try {
      await fresh.synced
    } finally {
      fresh.close()
    }
    const there = fresh.snapshot.value
    if (
      isDeepStrictEqual(source.snapshot.value, there) &&
      isDeepStrictEqual(meshOf(source.snapshot.value), meshOf(there))
    )
      return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function meshOf(snapshot: Snapshot): object {
  const {
    version: _,
    routeStatus,
    routeProblems,
    ...mesh
  } = new Translator({ trustDomain: 'cluster.local' }).translate(snapshot)
  // In the order in which the routes came, which nobody follows.
  const byName = (a: RouteStatus | RouteProblem, b: RouteStatus | RouteProblem) =>
    JSON.stringify(a) < JSON.stringify(b) ? -1 : 1
  return { ...mesh, routeStatus: routeStatus.toSorted(byName), routeProblems: routeProblems.toSorted(byName) }
}

/** What was missing of the anchors in any snapshot: a mesh without them would be open where it was closed. */
export function watchAnchors(source: KubernetesSource): () => readonly string[] {
  const missing = new Set<string>()
  source.snapshot.watch((now) => {
    if (now.peerAuthentications.get('shop/anchor')?.mode !== 'STRICT') missing.add('PeerAuthentication')
    if (!now.namespaces.has('shop')) missing.add('Namespace')
    if (!now.services.has('shop/anchor')) missing.add('Service')
    if (!now.slices.get('shop/anchor')?.endpoints.length) missing.add('EndpointSlice')
    if (!now.pods.has('shop/anchor')) missing.add('Pod')
    if (!now.httpRoutes.has('shop/anchor')) missing.add('HTTPRoute')
  })
  return () => [...missing]
}
