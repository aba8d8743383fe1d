import type { NamespaceObject, PodObject, ServiceAccountObject, ServiceObject } from './kinds/core.ts'
import type { AuthorizationPolicyObject } from './kinds/authorization-policy/policy.ts'
import type { CanaryObject } from './kinds/canary.ts'
import type { ConnectionRouteObject } from './kinds/connection-route.ts'
import type { EndpointSliceObject } from './kinds/endpoint-slice.ts'
import type { Kind, MeshObject } from './kinds/kinds.ts'
import { keyOf } from './kinds/meta.ts'
import type { IdentityRevocationObject } from './kinds/identity-revocation.ts'
import type { MeshPolicyObject } from './kinds/mesh-policy.ts'
import type { PeerAuthenticationObject } from './kinds/peer-authentication.ts'
import type { RequestAuthenticationObject } from './kinds/request-authentication.ts'
import type { XBackendTrafficPolicyObject } from './kinds/x-backend-traffic-policy.ts'
import type { RouteObject } from './kinds/route.ts'
import type { TrafficPolicyObject } from './kinds/traffic-policy/read.ts'

type Table<T> = ReadonlyMap<string, T>

/**
 * Every object of the mesh at one moment, by `namespace/name`; immutable. Tables of kinds that did not
 * change are the same Map as before: whatever is derived from a table can be kept by its identity.
 */
export interface Snapshot {
  readonly namespaces: Table<NamespaceObject>
  readonly serviceAccounts: Table<ServiceAccountObject>
  readonly services: Table<ServiceObject>
  readonly slices: Table<EndpointSliceObject>
  readonly pods: Table<PodObject>
  readonly httpRoutes: Table<RouteObject>
  readonly grpcRoutes: Table<RouteObject>
  readonly tlsRoutes: Table<ConnectionRouteObject>
  readonly tcpRoutes: Table<ConnectionRouteObject>
  readonly peerAuthentications: Table<PeerAuthenticationObject>
  readonly identityRevocations: Table<IdentityRevocationObject>
  readonly canaries: Table<CanaryObject>
  readonly xBackendTrafficPolicies: Table<XBackendTrafficPolicyObject>
  readonly trafficPolicies: Table<TrafficPolicyObject>
  readonly authorizationPolicies: Table<AuthorizationPolicyObject>
  readonly requestAuthentications: Table<RequestAuthenticationObject>
  readonly meshPolicies: Table<MeshPolicyObject>
}

export const EMPTY_SNAPSHOT: Snapshot = {
  namespaces: new Map(),
  serviceAccounts: new Map(),
  services: new Map(),
  slices: new Map(),
  pods: new Map(),
  httpRoutes: new Map(),
  grpcRoutes: new Map(),
  tlsRoutes: new Map(),
  tcpRoutes: new Map(),
  peerAuthentications: new Map(),
  identityRevocations: new Map(),
  canaries: new Map(),
  xBackendTrafficPolicies: new Map(),
  trafficPolicies: new Map(),
  authorizationPolicies: new Map(),
  requestAuthentications: new Map(),
  meshPolicies: new Map(),
}

const TABLE_OF: { readonly [K in Kind]: keyof Snapshot } = {
  Namespace: 'namespaces',
  ServiceAccount: 'serviceAccounts',
  Service: 'services',
  EndpointSlice: 'slices',
  Pod: 'pods',
  HTTPRoute: 'httpRoutes',
  GRPCRoute: 'grpcRoutes',
  TLSRoute: 'tlsRoutes',
  TCPRoute: 'tcpRoutes',
  PeerAuthentication: 'peerAuthentications',
  IdentityRevocation: 'identityRevocations',
  Canary: 'canaries',
  XBackendTrafficPolicy: 'xBackendTrafficPolicies',
  TrafficPolicy: 'trafficPolicies',
  AuthorizationPolicy: 'authorizationPolicies',
  RequestAuthentication: 'requestAuthentications',
  MeshPolicy: 'meshPolicies',
}

export type Change =
  | { readonly op: 'put'; readonly object: MeshObject }
  | { readonly op: 'delete'; readonly kind: Kind; readonly key: string }

/** Copies only the tables that change; the same snapshot comes back when nothing does. */
export function applyChanges(snapshot: Snapshot, changes: Iterable<Change>): Snapshot {
  const copies = new Map<keyof Snapshot, Map<string, MeshObject>>()
  const table = (name: keyof Snapshot): Map<string, MeshObject> => {
    let copy = copies.get(name)
    if (!copy) copies.set(name, (copy = new Map<string, MeshObject>(snapshot[name])))
    return copy
  }
  for (const change of changes) {
    if (change.op === 'put') table(TABLE_OF[change.object.kind]).set(keyOf(change.object.meta), change.object)
    else table(TABLE_OF[change.kind]).delete(change.key)
  }
  return copies.size === 0 ? snapshot : { ...snapshot, ...Object.fromEntries(copies) }
}

/** Whether two snapshots differ in nothing that a proxy could notice: a Canary acts through the route that it has. */
export function sameForProxies(a: Snapshot, b: Snapshot): boolean {
  return (Object.keys(a) as (keyof Snapshot)[]).every((name) => name === 'canaries' || a[name] === b[name])
}

function derived<S extends object, T>(make: (source: S) => T): (source: S) => T {
  const kept = new WeakMap<S, { readonly value: T }>()
  return (source) => {
    let entry = kept.get(source)
    if (!entry) kept.set(source, (entry = { value: make(source) }))
    return entry.value
  }
}

/** Slices by the `namespace/name` of their Service. */
export const slicesByService = derived((slices: Table<EndpointSliceObject>) => {
  const index = new Map<string, EndpointSliceObject[]>()
  for (const slice of slices.values()) {
    if (slice.service === '') continue
    push(index, `${slice.meta.namespace}/${slice.service}`, slice)
  }
  for (const list of index.values()) list.sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1))
  return index
})

/** Pods by address; those on the host's network share its address and are left out, as are finished ones. */
export const podsByAddress = derived((pods: Table<PodObject>) => {
  const index = new Map<string, PodObject>()
  for (const pod of pods.values()) {
    if (pod.hostNetwork || pod.finished) continue
    for (const ip of pod.ips) {
      const other = index.get(ip)
      // An address that was handed on while the old pod's object is still there: the newer pod has it.
      if (!other || other.meta.createdAt <= pod.meta.createdAt) index.set(ip, pod)
    }
  }
  return index
})

export const servicesByAddress = derived((services: Table<ServiceObject>) => {
  const index = new Map<string, ServiceObject>()
  for (const service of services.values()) for (const ip of service.clusterIPs) index.set(ip, service)
  return index
})

/** Routes by the `namespace/name` of the Services that are their parents. */
export const routesByParent = derived((routes: Table<RouteObject>) => {
  const index = new Map<string, RouteObject[]>()
  for (const route of routes.values()) {
    for (const parent of new Set(route.parentRefs.map((ref) => `${ref.namespace}/${ref.name}`))) {
      push(index, parent, route)
    }
  }
  return index
})

export function namespaceLabels(snapshot: Snapshot, namespace: string): Readonly<Record<string, string>> {
  return snapshot.namespaces.get(namespace)?.meta.labels ?? {}
}

function push<T>(index: Map<string, T[]>, key: string, value: T): void {
  const list = index.get(key)
  if (list) list.push(value)
  else index.set(key, [value])
}
