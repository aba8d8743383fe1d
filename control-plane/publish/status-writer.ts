import { KubernetesError } from '../kubernetes/api-error.ts'
import { findObject } from '../kubernetes/find-object.ts'
import { followObjects, type KubernetesObject } from '../kubernetes/follow.ts'
import type { RouteStatus } from '../model/route.ts'
import { apiTime, mergeParents, type LiveParent } from './route-parents.ts'
import { WorkQueue } from './work-queue.ts'
import { APPLY, FIELD_MANAGER, type StartWriter } from './writer.ts'

const GROUP_VERSION = 'gateway.networking.k8s.io/v1'
type RouteKind = RouteStatus['kind']
const PLURALS: Readonly<Record<RouteKind, string>> = {
  HTTPRoute: 'httproutes',
  GRPCRoute: 'grpcroutes',
  TLSRoute: 'tlsroutes',
  TCPRoute: 'tcproutes',
}
const KINDS = Object.keys(PLURALS) as readonly RouteKind[]

/** Keeps our parents in `status.parents` of every route: what became of it, for whoever wrote it. */
export const writeRouteStatus: StartWriter = (context) => {
  const { connection, routeStatus, clock } = context
  let current = routeStatus.value.routeStatus
  let wanted = byKey(current)

  const queue = new WorkQueue({
    ...context,
    what: "a route's status",
    async reconcile(key) {
      const { kind, name } = split(key)
      const route = stale.has(key) ? await read(kind, name) : followed[kind].objects.get(name)
      stale.delete(key)
      if (!route) return
      const parents = mergeParents(parentsOf(route), wanted.get(key)?.parents ?? [], apiTime(clock.now()))
      if (!parents) return
      const { namespace, name: own, resourceVersion } = route.metadata
      try {
        const answer = await connection.request({
          method: 'PATCH',
          path: `${collectionOf(kind, namespace)}/${own}/status`,
          query: { fieldManager: FIELD_MANAGER, force: true },
          contentType: APPLY,
          // The list of parents is atomic: it is applied as a whole, so nobody may have written since it was read.
          body: {
            apiVersion: GROUP_VERSION,
            kind,
            metadata: { namespace, name: own, resourceVersion },
            status: { parents },
          },
        })
        followed[kind].wrote(answer)
      } catch (error) {
        if (error instanceof KubernetesError && error.status === 404) return
        if (error instanceof KubernetesError && error.status === 409) stale.add(key)
        throw error
      }
    },
  })
  /** Followed objects that are behind what the API server has. */
  const stale = new Set<string>()
  const read = (kind: RouteKind, name: string): Promise<KubernetesObject | undefined> => {
    const [namespace = '', own = ''] = name.split('/')
    return findObject(connection, collectionOf(kind, namespace), own)
  }
  const follow = (kind: RouteKind) =>
    followObjects({
      ...context,
      path: `/apis/${GROUP_VERSION}/${PLURALS[kind]}`,
      onObject: (name) => queue.add(`${kind} ${name}`),
    })
  const followed: Readonly<Record<RouteKind, ReturnType<typeof follow>>> = {
    HTTPRoute: follow('HTTPRoute'),
    GRPCRoute: follow('GRPCRoute'),
    TLSRoute: follow('TLSRoute'),
    TCPRoute: follow('TCPRoute'),
  }
  const unwatch = routeStatus.watch(({ routeStatus: now }) => {
    // Endpoints come and go, and change no route's status.
    if (now === current) return
    current = now
    const before = wanted
    wanted = byKey(now)
    for (const [key, status] of wanted) if (before.get(key) !== status) queue.add(key)
    for (const key of before.keys()) if (!wanted.has(key)) queue.add(key)
  })
  return {
    async stop() {
      unwatch()
      for (const one of Object.values(followed)) one.close()
      await queue.stop()
    },
  }
}

function byKey(all: readonly RouteStatus[]): ReadonlyMap<string, RouteStatus> {
  return new Map(all.map((one) => [`${one.kind} ${one.namespace}/${one.name}`, one]))
}

function split(key: string): { kind: RouteKind; name: string } {
  const [written, name = ''] = key.split(' ')
  return { kind: KINDS.find((kind) => kind === written) ?? 'HTTPRoute', name }
}

function collectionOf(kind: RouteKind, namespace = ''): string {
  return `/apis/${GROUP_VERSION}/namespaces/${namespace}/${PLURALS[kind]}`
}

function parentsOf(route: KubernetesObject): readonly LiveParent[] {
  const { parents } = (route['status'] ?? {}) as { parents?: readonly LiveParent[] | null }
  return parents ?? []
}
