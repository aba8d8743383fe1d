import type { Mesh } from '../../control-plane/model/mesh.ts'
import { touchedBetween } from '../../control-plane/model/touched.ts'
import type { MeshClient } from '../../control-plane/xds/client.ts'
import { SIDECAR } from '../../control-plane/xds/client-takes.ts'
import { INBOUND, parseInboundCluster } from '../../control-plane/xds/names.ts'
import type { ResourceType } from '../../control-plane/xds/resource.ts'
import { ResourceCache, resourceNames } from '../../control-plane/xds/resources.ts'
import { scopeOf } from '../../control-plane/xds/scope.ts'

/** A resource of xDS whose content differs for some sidecars. */
export interface ChangedResource {
  readonly type: ResourceType
  readonly name: string
  readonly change: 'added' | 'removed' | 'changed'
  /** For how many sidecars. */
  readonly proxies: number
}

export interface ChangedResources {
  readonly resources: readonly ChangedResource[]
  /** `namespace/pod` of sidecars for which any of them differs, sorted. Each is told only of what it uses. */
  readonly proxies: readonly string[]
  /** Of all that there are. */
  readonly of: number
}

const TYPES: readonly ResourceType[] = ['listener', 'route', 'cluster', 'endpoints']

/** What control planes would send otherwise to sidecars, by the code that they send it by. */
export function changedResources(before: Mesh, after: Mesh): ChangedResources {
  const touched = touchedBetween(before, after)
  // Tracing is the same on both sides.
  const cache = new ResourceCache({ samplingPercent: 0 })
  const found = new Map<
    string,
    { type: ResourceType; name: string; change: ChangedResource['change']; pods: Set<string> }
  >()
  const look = (type: ResourceType, name: string, client: MeshClient, pods: readonly string[]): void => {
    const scope = scopeOf(type, name, client)
    if (scope !== undefined && !touched.has(scope)) return
    if (!cache.changed(before, after, type, name, client)) return
    const key = `${type} ${name}`
    const was = cache.get(before, type, name, client)
    const is = cache.get(after, type, name, client)
    const entry = found.get(key) ?? {
      type,
      name,
      change: !was ? 'added' : is ? 'changed' : 'removed',
      pods: new Set<string>(),
    }
    for (const pod of pods) entry.pods.add(pod)
    found.set(key, entry)
  }
  const namespaces = Map.groupBy(after.workloads.values(), ({ namespace }) => namespace)
  for (const [namespace, workloads] of namespaces) {
    const pods = workloads.map(({ key }) => key)
    for (const type of TYPES) {
      // What is sent of Services differs by the caller's namespace, what a pod takes by pod.
      const [first] = workloads
      for (const { name, isOwn } of namesOf(type, clientOf(namespace, first?.name ?? ''), before, after))
        if (!isOwn) look(type, name, clientOf(namespace, first?.name ?? ''), pods)
      for (const { name: pod, key } of workloads) {
        if (!touched.has(key)) continue
        const client = clientOf(namespace, pod)
        for (const { name, isOwn } of namesOf(type, client, before, after))
          if (isOwn) look(type, name, client, [key])
      }
    }
  }
  const resources = [...found.values()].map(({ pods, ...one }) => ({ ...one, proxies: pods.size }))
  return {
    resources: resources.toSorted(
      (a, b) => TYPES.indexOf(a.type) - TYPES.indexOf(b.type) || (a.name < b.name ? -1 : 1),
    ),
    proxies: [...new Set([...found.values()].flatMap(({ pods }) => [...pods]))].toSorted(),
    of: after.workloads.size,
  }
}

function clientOf(namespace: string, pod: string): MeshClient {
  return { namespace, pod, takes: SIDECAR }
}

function namesOf(
  type: ResourceType,
  client: MeshClient,
  before: Mesh,
  after: Mesh,
): readonly { readonly name: string; readonly isOwn: boolean }[] {
  const names = new Set([...resourceNames(before, type, client), ...resourceNames(after, type, client)])
  return [...names].map((name) => ({
    name,
    isOwn: name === INBOUND || (type === 'cluster' && parseInboundCluster(name) !== undefined),
  }))
}
