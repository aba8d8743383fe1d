import type { MeshSettings } from './mesh-policy.ts'
import {
  addressesOf,
  serviceOf,
  type Mesh,
  type MeshService,
  type RouteTable,
  type Workload,
} from './mesh.ts'
import { settingsOf, type TrafficTables } from './traffic-tables.ts'

/**
 * What may differ for a client between two versions of the mesh: `namespace/name` of Services and pods, and their
 * addresses. What is not in it is the same. Costs a look at each part: its identity tells whether it changed.
 */
export function touchedBetween(before: Mesh, now: Mesh): ReadonlySet<string> {
  const touched = new Set<string>()
  const ofService = (service: MeshService): void => {
    touched.add(service.key)
    for (const address of addressesOf(service)) touched.add(address)
  }
  const ofWorkload = (workload: Workload): void => {
    touched.add(workload.key)
    for (const address of workload.addresses) touched.add(address)
  }
  /** The name of the routes is in the listener at the Service's addresses. */
  const ofPort = (portKey: string): void => {
    const key = serviceOf(portKey)
    touched.add(key)
    for (const { services } of [before, now]) {
      const service = services.get(key)
      for (const address of service ? addressesOf(service) : []) touched.add(address)
    }
  }
  eachDifference(before.tokens.providers, now.tokens.providers, (key) => touched.add(key))
  // In the pod's own listener alone.
  eachDifference(before.authorization.workloads, now.authorization.workloads, (key) => touched.add(key))
  if (!sameTelling(before.authorization.settings, now.authorization.settings))
    for (const key of now.workloads.keys()) touched.add(key)
  eachDifference(before.services, now.services, (_, ...both) => both.forEach((one) => one && ofService(one)))
  let moved = false
  // Also by a pod without a sidecar, which takes an address of outside for its own.
  const [was, is] = [before.servicesByExternalAddress, now.servicesByExternalAddress]
  for (const address of new Set([...was.keys(), ...is.keys()]))
    if (!sameList(was.get(address) ?? [], is.get(address) ?? [])) touched.add(address)
  eachDifference(before.workloads, now.workloads, (_, earlier, later) => {
    for (const one of [earlier, later]) if (one) ofWorkload(one)
    if (earlier?.node !== later?.node) moved = true
  })
  // Which endpoints it reaches follows from the node of the caller, which may be known later than its stream is there.
  if (moved)
    for (const { endpoints } of [before, now])
      for (const { key, ownNodeOnly } of endpoints.values()) if (ownNodeOnly) touched.add(serviceOf(key))
  eachDifference(before.endpoints, now.endpoints, (portKey) => touched.add(serviceOf(portKey)))
  eachDifference<RouteTable>(before.routes, now.routes, ofPort)
  if (before.trust !== now.trust) {
    // Every inbound listener says it, and who is revoked is in no list of endpoints.
    for (const mesh of [before, now]) {
      for (const workload of mesh.workloads.values()) ofWorkload(workload)
      for (const service of mesh.services.values()) ofService(service)
    }
  }
  if (before.traffic !== now.traffic) {
    for (const mesh of [before, now]) {
      const differs = differentSettings(before.traffic, now.traffic)
      for (const service of mesh.services.values()) if (differs(service.key)) ofService(service)
      // A port that no Service leads to follows its namespace.
      for (const workload of mesh.workloads.values())
        if (
          differs(`${workload.namespace}/`) ||
          workload.ports.some(({ services }) => services.some(differs))
        )
          ofWorkload(workload)
      // Rules follow the route's settings, and what is hashed those of each backend.
      for (const portKey of mesh.routes.keys()) ofPort(portKey)
    }
  }
  return touched
}

/** Of MeshPolicy, what every sidecar is told; the rest of it is in what is asked of pods. */
function sameTelling(a: MeshSettings, b: MeshSettings): boolean {
  return a.audit === b.audit && a.openConnectionsMs === b.openConnectionsMs
}

/** Whether what holds for a Service may differ; `namespace/` stands for what no policy names. */
function differentSettings(before: TrafficTables, now: TrafficTables): (service: string) => boolean {
  return (service) => settingsOf(before, service) !== settingsOf(now, service)
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at])
}

function eachDifference<T>(
  before: ReadonlyMap<string, T>,
  now: ReadonlyMap<string, T>,
  tell: (key: string, earlier: T | undefined, later: T | undefined) => void,
): void {
  if (before === now) return
  for (const [key, later] of now) {
    const earlier = before.get(key)
    if (earlier !== later) tell(key, earlier, later)
  }
  for (const [key, earlier] of before) if (!now.has(key)) tell(key, earlier, undefined)
}
