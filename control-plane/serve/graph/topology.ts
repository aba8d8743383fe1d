import { SELF_RULE, rulesFor, type PortAuthorization } from '../../model/authorization.ts'
import type { Mesh, MeshService } from '../../model/mesh.ts'
import { requestRoutes, type RouteGroup } from '../../model/route.ts'
import { slicesByService, type Snapshot } from '../../registry/snapshot.ts'
import type { GraphNode } from '../../../core/api/traffic.ts'
import type { RuleSet } from '../../../core/authorization/rules.ts'

/** Whom requests of a Service may reach: pods, each once. */
export interface Reached {
  readonly ready: number
  /** With those that are not ready, without those that end. */
  readonly total: number
  readonly meshed: number
}

/** A backend of the rules of a Service's ports. */
export interface Led {
  /** `catalog-v2.shop`; '' for a reference that is invalid. */
  readonly id: string
  /** Configured share of the rule that has most backends, 0 to 100. */
  readonly percent: number
}

/** What configuration says of a Service; all of it by `catalog.shop`. */
export interface ServicePlace {
  readonly id: string
  readonly name: string
  readonly namespace: string
  readonly own: Reached
  /** Where rules lead its requests; empty: to its own pods. */
  readonly led: readonly Led[]
  /** Names of its clusters, one a port: `shop/catalog/8080`. None: nobody calls it by a request. */
  readonly clusters: readonly string[]
  readonly policy: GraphNode['policy']
}

/** Pods of one name in telemetry. */
export interface WorkloadPlace {
  readonly id: string
  readonly pods: number
  readonly services: readonly string[]
}

/** The mesh as the map needs it: made once for each version of it. */
export interface Topology {
  readonly services: ReadonlyMap<string, ServicePlace>
  readonly workloads: ReadonlyMap<string, WorkloadPlace>
  /** Services to which a rule belongs. */
  readonly rules: ReadonlyMap<string, readonly string[]>
  /** Services of which one is a version. */
  readonly versionOf: ReadonlyMap<string, readonly string[]>
  /** Workloads with a sidecar that have an identity. */
  readonly sources: ReadonlyMap<string, readonly string[]>
  /** Namespaces with a pod that has a sidecar. */
  readonly meshedNamespaces: ReadonlySet<string>
  readonly trustDomains: readonly string[]
}

export const NO_TOPOLOGY: Topology = {
  services: new Map(),
  workloads: new Map(),
  rules: new Map(),
  versionOf: new Map(),
  sources: new Map(),
  meshedNamespaces: new Set(),
  trustDomains: [],
}

/** The same object while neither the mesh nor the slices change. */
export function topologyReader(): (mesh: Mesh | undefined, slices: Snapshot['slices']) => Topology {
  let last: { readonly mesh: Mesh; readonly slices: Snapshot['slices']; readonly value: Topology } | undefined
  return (mesh, slices) => {
    if (!mesh) return NO_TOPOLOGY
    if (last?.mesh !== mesh || last.slices !== slices)
      last = { mesh, slices, value: topologyOf(mesh, slices) }
    return last.value
  }
}

export function topologyOf(mesh: Mesh, slices: Snapshot['slices']): Topology {
  const services = new Map<string, ServicePlace>()
  for (const service of mesh.services.values()) {
    const place = placeOf(mesh, service, slices)
    services.set(place.id, place)
  }
  const versionOf = new Map<string, string[]>()
  for (const { id, led } of services.values())
    for (const { id: version } of led) if (version !== id && version !== '') push(versionOf, version, id)
  return {
    services,
    versionOf,
    rules: rulesOf(mesh),
    ...workloadsOf(mesh),
    meshedNamespaces: new Set([...mesh.workloads.values()].map(({ namespace }) => namespace)),
    trustDomains: [mesh.trustDomain, ...mesh.trustDomainAliases],
  }
}

/** The Service that stands for a workload where it is not known which was asked for: no version, and of its name if there is one. */
export function primaryService(topology: Topology, workload: string): string {
  const services = topology.workloads.get(workload)?.services ?? []
  const asked = services.filter((id) => !topology.versionOf.has(id))
  const candidates = asked.length > 0 ? asked : services.flatMap((id) => topology.versionOf.get(id) ?? [id])
  return candidates.includes(workload) ? workload : (candidates.toSorted()[0] ?? workload)
}

/** `catalog.shop` of `shop/catalog` or `shop/catalog/8080`. */
export function serviceId(key: string): string {
  const [namespace = '', name = ''] = key.split('/')
  return `${name}.${namespace}`
}

function placeOf(mesh: Mesh, service: MeshService, slices: Snapshot['slices']): ServicePlace {
  return {
    id: `${service.name}.${service.namespace}`,
    name: service.name,
    namespace: service.namespace,
    own: reachedOf(mesh, service, slices),
    led: ledOf(mesh, service),
    clusters: service.ports.map(({ key }) => key),
    policy: policyOf(mesh, service),
  }
}

function reachedOf(mesh: Mesh, service: MeshService, slices: Snapshot['slices']): Reached {
  const ready = new Set<string>()
  const meshed = new Set<string>()
  const all = new Set<string>()
  for (const { key } of service.ports)
    for (const endpoint of mesh.endpoints.get(key)?.endpoints ?? []) {
      if (endpoint.health !== 'healthy') continue
      const pod = endpoint.workload === '' ? endpoint.address : endpoint.workload
      ready.add(pod)
      all.add(pod)
      if (endpoint.meshed) meshed.add(pod)
    }
  for (const { endpoints } of slicesByService(slices).get(service.key) ?? [])
    for (const { pod, addresses, terminating } of endpoints) {
      if (terminating) continue
      const [namespace = '', name = ''] = pod.split('/')
      all.add(pod === '' ? (addresses[0] ?? '') : `${name}.${namespace}`)
    }
  return { ready: ready.size, total: all.size, meshed: meshed.size }
}

/** Of all ports, by the rule that has most backends; empty where no rule leads anywhere but to the Service itself. */
function ledOf(mesh: Mesh, service: MeshService): readonly Led[] {
  const own = `${service.name}.${service.namespace}`
  let most: readonly Led[] = []
  for (const { key } of service.ports)
    for (const backends of backendsOf(mesh.routes.get(key)?.producer)) {
      const total = backends.reduce((sum, { weight }) => sum + weight, 0)
      const shares = new Map<string, number>()
      for (const { portKey, weight } of backends) {
        const id = portKey === undefined ? '' : serviceId(portKey)
        shares.set(id, (shares.get(id) ?? 0) + (total === 0 ? 0 : (weight / total) * 100))
      }
      if (shares.size > most.length) most = [...shares].map(([id, percent]) => ({ id, percent }))
    }
  return most.length === 1 && most[0]?.id === own ? [] : most
}

interface WeightedBackend {
  readonly portKey: string | undefined
  readonly weight: number
}

function* backendsOf(group: RouteGroup | undefined): Generator<readonly WeightedBackend[]> {
  if (!group) return
  if (!('entries' in group)) {
    for (const { backends } of group.rules) yield backends
    return
  }
  for (const { rule } of group.entries) if (rule.action.kind === 'forward') yield rule.action.backends
}

function rulesOf(mesh: Mesh): ReadonlyMap<string, readonly string[]> {
  const rules = new Map<string, string[]>()
  for (const [portKey, { producer, consumers }] of mesh.routes)
    for (const group of [producer, ...consumers.values()])
      for (const { rule } of requestRoutes(group)?.entries ?? []) push(rules, rule.name, serviceId(portKey))
  return rules
}

function workloadsOf(mesh: Mesh): Pick<Topology, 'workloads' | 'sources'> {
  const workloads = new Map<string, { id: string; pods: number; services: string[] }>()
  const sources = new Map<string, string[]>()
  for (const { namespace, service, services, identity } of mesh.workloads.values()) {
    const id = `${service}.${namespace}`
    const place = workloads.get(id) ?? { id, pods: 0, services: [] }
    workloads.set(id, place)
    place.pods++
    for (const one of services) if (!place.services.includes(one)) place.services.push(one)
    push(sources, identity, id)
  }
  return { workloads, sources }
}

/** Of all pods behind it: `denied` where nobody may at any of them, `open` where nothing is asked. */
function policyOf(mesh: Mesh, { ports }: MeshService): GraphNode['policy'] {
  const asked = new Set<PortAuthorization>()
  for (const { key } of ports)
    for (const { workload: pod, port } of mesh.endpoints.get(key)?.endpoints ?? []) {
      const dot = pod.lastIndexOf('.')
      const workload = mesh.workloads.get(`${pod.slice(dot + 1)}/${pod.slice(0, Math.max(dot, 0))}`)
      if (workload) asked.add(rulesFor(mesh, workload, port))
    }
  const said = [...asked].map(({ http }) => saidBy(http))
  if (said.length > 0 && said.every((one) => one === 'denied')) return 'denied'
  return said.every((one) => one === 'open') ? 'open' : 'restricted'
}

function saidBy(rules: RuleSet): GraphNode['policy'] {
  const enforced = rules.filter((stage) => stage.enforced !== undefined && stage.action !== 'AUDIT')
  const closed = enforced.some(({ action, enforced: own = [] }) =>
    action === 'ALLOW'
      ? own.every(({ name }) => name === SELF_RULE)
      : own.some(({ permissions, principals }) =>
          [permissions, principals].every((all) => all.some(({ kind }) => kind === 'any')),
        ),
  )
  return closed ? 'denied' : enforced.length > 0 ? 'restricted' : 'open'
}

function push(index: Map<string, string[]>, key: string, value: string): void {
  const list = index.get(key)
  if (!list) index.set(key, [value])
  else if (!list.includes(value)) list.push(value)
}
