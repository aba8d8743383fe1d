import type { TelemetryTexts } from '../../core/telemetry-settings.ts'
import type { MeshTrust } from '../../core/mesh-trust.ts'
import type { ProxyProtocolVersion } from '../../core/proxy-protocol.ts'
import type { HeadRules } from './head-rules.ts'
import type { PathRules } from './path-rules.ts'
import type { WorkloadLimits } from './workload-limits.ts'
import { RESERVED_PORTS } from '../../core/contract.ts'
import type { MtlsMode, Said } from './mesh-policy.ts'
import type { PolicyProblem } from './policy-problem.ts'
import type { PolicyStatus } from './policy-status.ts'
import type { PortProtocol } from './protocol.ts'
import type { RouteGroup, RouteProblem, RouteStatus } from './route.ts'
import type { AuthorizationTables } from './authorization.ts'
import type { MeshTokens } from './token-rule.ts'
import type { TrafficTables } from './traffic-tables.ts'

/** The whole mesh at one moment; immutable. Unchanged parts keep their identity from one version to the next. */
export interface Mesh {
  readonly version: number
  readonly trustDomain: string
  /** Other names of it: whoever is allowed by the one is by the others. */
  readonly trustDomainAliases: readonly string[]
  /** Also of other domains, and whom nobody trusts any more. */
  readonly trust: MeshTrust
  /** By namespace: what its annotations say of the telemetry of its sidecars. */
  readonly namespaceTelemetry: ReadonlyMap<string, TelemetryTexts>
  /** By `namespace/name`. */
  readonly services: ReadonlyMap<string, MeshService>
  /** By ClusterIP. */
  readonly servicesByAddress: ReadonlyMap<string, MeshService>
  /** By an address from outside, which several may share by their ports: who had it first comes first. */
  readonly servicesByExternalAddress: ReadonlyMap<string, readonly MeshService[]>
  /** By `namespace/service/port`. */
  readonly endpoints: ReadonlyMap<string, EndpointGroup>
  /** By `namespace/pod`. */
  readonly workloads: ReadonlyMap<string, Workload>
  readonly workloadsByAddress: ReadonlyMap<string, Workload>
  /** By `namespace/service/port`; none: plain Service behaviour. */
  readonly routes: ReadonlyMap<string, RouteTable>
  readonly routeStatus: readonly RouteStatus[]
  readonly routeProblems: readonly RouteProblem[]
  /** What TrafficPolicies say. */
  readonly traffic: TrafficTables
  /** Whose tokens are verified. */
  readonly tokens: MeshTokens
  /** What AuthorizationPolicies and MeshPolicy say of who may. */
  readonly authorization: AuthorizationTables
  readonly policyStatus: readonly PolicyStatus[]
  readonly policyProblems: readonly PolicyProblem[]
}

export interface MeshService {
  /** `namespace/name` */
  readonly key: string
  readonly namespace: string
  readonly name: string
  /** ClusterIPs; empty for a headless Service. */
  readonly addresses: readonly string[]
  /** Of outside, at which nodes reach it, too; left out: none. */
  readonly externalAddresses?: readonly string[]
  readonly ports: readonly ServicePort[]
  /** For so long after its last call a client keeps to an endpoint; undefined: it does not. Milliseconds. */
  readonly affinityMs: number | undefined
  /** Whose endpoints callers prefer; left out: nobody's. */
  readonly nearness?: Nearness
  /** What its pods agree on: what callers may do. */
  readonly paths: PathRules
  /** What its callers' sidecars take at least. */
  readonly limits: WorkloadLimits
}

/** Endpoints of the caller's zone, or of its node before these (`trafficDistribution`). */
export type Nearness = 'zone' | 'node'

export interface ServicePort {
  /** `namespace/service/port`: name of the cluster, of the endpoints and of the producer's routes. */
  readonly key: string
  readonly port: number
  readonly name: string
  readonly protocol: PortProtocol
  /** Somebody declared the protocol: by appProtocol or by the port's name. */
  readonly declared: boolean
}

export interface EndpointGroup {
  readonly key: string
  /** Of its Service. */
  readonly nearness?: Nearness
  /** Callers reach those of their own node alone; left out: all. */
  readonly ownNodeOnly?: true
  readonly endpoints: readonly MeshEndpoint[]
}

export interface MeshEndpoint {
  readonly address: string
  readonly port: number
  readonly health: 'healthy' | 'draining'
  /** The pod has a sidecar: mutual TLS. */
  readonly meshed: boolean
  /** SPIFFE ID; '' unless meshed. */
  readonly identity: string
  /** `pod.namespace`, or '' when no pod is known. */
  readonly workload: string
  /** What its workload is called for telemetry (core/peer-workload.ts), or '' when no pod is known. */
  readonly owner: string
  readonly zone: string
  /** Name of its node, or ''. */
  readonly node: string
}

/** Ports whose incoming connections go through the sidecar: those of `include` but not of `exclude`. */
export interface CapturedPorts {
  readonly include: readonly number[] | '*'
  readonly exclude: readonly number[]
}

/** A pod with a sidecar. */
export interface Workload {
  /** `namespace/pod` */
  readonly key: string
  readonly namespace: string
  readonly name: string
  /** '' of a manifest. */
  readonly uid: string
  readonly addresses: readonly string[]
  readonly identity: string
  /** Its name in telemetry, for people: whoever writes the pod may choose it, within the pod's namespace. */
  readonly service: string
  /** What its workload is called there (core/peer-workload.ts). */
  readonly owner: string
  /** Name of its node, or ''. */
  readonly node: string
  /** `name.namespace` of the Services that lead to it. */
  readonly services: readonly string[]
  /** Of ports that say nothing else, and of those that nobody knows. */
  readonly mtls: Said<MtlsMode>
  readonly captured: CapturedPorts
  readonly paths: PathRules
  readonly limits: WorkloadLimits
  readonly heads: HeadRules
  /** What the pod's annotations say of the sidecar's telemetry; what its namespace says holds where these say nothing. */
  readonly telemetry: TelemetryTexts
  readonly labels: Readonly<Record<string, string>>
  /** Declared by containers or aimed at by Services, in order of number. */
  readonly ports: readonly WorkloadPort[]
}

export interface WorkloadPort {
  readonly port: number
  readonly protocol: PortProtocol
  /** Of its own; left out: the pod's. */
  readonly mtls?: Said<MtlsMode>
  /** The application wants to be told so who calls; left out: it does not. */
  readonly proxyProtocol?: ProxyProtocolVersion
  /** `namespace/name` of the Services that lead to it, sorted. */
  readonly services: readonly string[]
}

/** Consumer beats producer; the two never merge (GEP-1686). */
export interface RouteTable {
  readonly producer: RouteGroup | undefined
  /** By the clients' namespace. */
  readonly consumers: ReadonlyMap<string, RouteGroup>
}

/** Ports that the sidecar of a pod answers itself: never captured, so never of the mesh. */
export const SIDECAR_PORTS: ReadonlySet<number> = new Set(RESERVED_PORTS)

/** `namespace/service` of a `namespace/service/port`. */
export function serviceOf(portKey: string): string {
  return portKey.slice(0, portKey.lastIndexOf('/'))
}

/** The Service that is called at an address, and its port; a Service without that port: the address is its alone. */
export function serviceAt(
  mesh: Pick<Mesh, 'servicesByAddress' | 'servicesByExternalAddress'>,
  address: string,
  port: number,
): { readonly service: MeshService; readonly port: ServicePort | undefined } | undefined {
  const own = mesh.servicesByAddress.get(address)
  if (own) return { service: own, port: own.ports.find((one) => one.port === port) }
  for (const service of mesh.servicesByExternalAddress.get(address) ?? []) {
    const found = service.ports.find((one) => one.port === port)
    if (found) return { service, port: found }
  }
  return undefined
}

/** Every address at which it is called. */
export function addressesOf({ addresses, externalAddresses = [] }: MeshService): readonly string[] {
  return externalAddresses.length === 0 ? addresses : [...addresses, ...externalAddresses]
}

/** Rules that clients of `namespace` follow, and whether they are that namespace's own. */
export function routesFor(
  mesh: Mesh,
  portKey: string,
  namespace: string,
): { readonly group: RouteGroup; readonly consumer: boolean } | undefined {
  const table = mesh.routes.get(portKey)
  if (!table) return undefined
  const own = table.consumers.get(namespace)
  if (own) return { group: own, consumer: true }
  return table.producer && { group: table.producer, consumer: false }
}
