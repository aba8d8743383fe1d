import { CONTROL_PLANE } from '../../../core/contract.ts'
import type { Clock } from '../../../core/clock.ts'
import { describeError } from '../../../core/errors.ts'
import type { Logger } from '../../../core/log.ts'
import type { Watchable } from '../../../core/watched.ts'
import { KubernetesError } from '../../kubernetes/api-error.ts'
import type { KubernetesConnection } from '../../kubernetes/connection.ts'
import { eventRequest } from '../../kubernetes/event.ts'
import { findObject } from '../../kubernetes/find-object.ts'
import type { CanaryObject } from '../../registry/kinds/canary.ts'
import type { Snapshot } from '../../registry/snapshot.ts'
import { REQUEST_ANNOTATION } from '../requests.ts'
import { followRevisions, releaseRevisions } from '../revisions/kubernetes-revisions.ts'
import { readShape, sameShape, STABLE_ONLY, writeShape, type RawRule } from '../route-shape.ts'
import { parseStatus, type CanaryStatus, type RouteShape } from '../status.ts'
import type { CanaryRoute, CanaryStore } from '../store.ts'

export interface KubernetesStoreOptions {
  readonly connection: Pick<KubernetesConnection, 'request'>
  readonly snapshot: Watchable<Snapshot>
  readonly log: Logger
  readonly clock: Clock
}

const MERGE = 'application/merge-patch+json'
const PLURALS = { HTTPRoute: 'httproutes', GRPCRoute: 'grpcroutes' } as const

/** Canaries of a cluster: their state is their status, and what happens to them Events. */
export function kubernetesCanaryStore(options: KubernetesStoreOptions): CanaryStore {
  const { connection, snapshot, log, clock } = options
  const find = async (canary: CanaryObject): Promise<CanaryRoute | undefined> => {
    const found = await findObject(connection, routesOf(canary), canary.spec.route.name)
    const { rules } = (found?.['spec'] ?? {}) as { readonly rules?: readonly RawRule[] | null }
    return found && { rules: rules ?? [], resourceVersion: found.metadata.resourceVersion ?? '' }
  }
  /** The list of rules is atomic: it is written as a whole, so nobody may have written since it was read. */
  const shape = async (canary: CanaryObject, route: CanaryRoute, wanted: RouteShape): Promise<void> => {
    const { resourceVersion } = route
    const rules = writeShape(route.rules, canary.meta.namespace, canary.spec, wanted)
    await connection.request({
      method: 'PATCH',
      path: `${routesOf(canary)}/${canary.spec.route.name}`,
      query: { fieldManager: CONTROL_PLANE },
      contentType: MERGE,
      body: { metadata: { resourceVersion }, spec: { rules } },
    })
  }
  return {
    route: find,
    shape,
    revisions: (canary, of, seen) => followRevisions(connection, canary, of, seen),
    // What this process has seen last may be older than what a leader before it wrote.
    async status({ meta }) {
      const found = await findObject(connection, canariesOf(meta.namespace), meta.name)
      return parseStatus(found?.['status'])
    },
    async save({ meta }, status) {
      try {
        await connection.request({
          method: 'PATCH',
          path: `${canariesOf(meta.namespace)}/${meta.name}/status`,
          query: { fieldManager: CONTROL_PLANE },
          contentType: MERGE,
          body: { status },
        })
      } catch (error) {
        // Deleted just now.
        if (!(error instanceof KubernetesError && error.status === 404)) throw error
      }
    },
    request: ({ meta }) =>
      snapshot.value.canaries.get(`${meta.namespace}/${meta.name}`)?.meta.annotations[REQUEST_ANNOTATION] ??
      '',
    // An annotation is a change of the object, at which it is looked anyway.
    onRequest: () => () => {},
    event(canary, event) {
      const { namespace, name } = canary.meta
      const about = { apiVersion: 'weft.dev/v1alpha1', kind: 'Canary', namespace, name }
      connection
        .request(eventRequest(about, event, clock.now()))
        .catch((error: unknown) =>
          log.debug('an Event could not be written', { reason: describeError(error) }),
        )
    },
    /** One that was under way leaves the stable version; one that has ended leaves the route as it is. */
    async forget(canary, status) {
      const { deployment } = canary.spec
      if (deployment) await releaseRevisions(connection, canary, deployment)
      if (status?.phase !== 'Progressing' && status?.phase !== 'Paused') return
      const route = await find(canary)
      const now = route && readShape(route.rules, canary.meta.namespace, canary.spec)
      if (!route || !now || typeof now === 'string') return
      if (isOurs(now.shape, status)) await shape(canary, route, STABLE_ONLY)
    },
  }
}

function isOurs(shape: RouteShape, { route }: CanaryStatus): boolean {
  return sameShape(shape, route.shape) || (route.before !== null && sameShape(shape, route.before))
}

function canariesOf(namespace: string): string {
  return `/apis/weft.dev/v1alpha1/namespaces/${namespace}/canaries`
}

function routesOf({ meta, spec }: CanaryObject): string {
  return `/apis/gateway.networking.k8s.io/v1/namespaces/${meta.namespace}/${PLURALS[spec.route.kind]}`
}
