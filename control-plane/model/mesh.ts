import type { RouteStatus, RouteTable } from './route.ts'
import type { MeshService, ServicePort, Workload } from './service.ts'

/** Where a connection to an address and port leads. */
export type Destination =
  | { readonly kind: 'service'; readonly service: MeshService; readonly port: ServicePort }
  | { readonly kind: 'workload'; readonly workload: Workload; readonly port: number }

/** One immutable state of the mesh. */
export interface Mesh {
  readonly version: string
  readonly trustDomain: string
  readonly services: readonly MeshService[]
  readonly workloads: readonly Workload[]
  readonly routeStatus: readonly RouteStatus[]
  /** By cluster IP (or address of a workload with a sidecar) and port. */
  destination(address: string, port: number): Destination | undefined
  service(namespace: string, name: string): MeshService | undefined
  workload(namespace: string, name: string): Workload | undefined
  /** Rules for callers of a namespace: its consumer routes where there are any, else the producer's. */
  routes(namespace: string, service: string, port: number, clientNamespace: string): RouteTable | undefined
  /** Namespaces with consumer routes for a service port. */
  consumers(namespace: string, service: string, port: number): readonly string[]
}
