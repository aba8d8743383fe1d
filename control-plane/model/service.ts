/** What the mesh knows of its services and workloads. No Kubernetes and no protobuf type stands here. */

/** What a port speaks; `auto`: the first bytes decide. */
export type Protocol = 'http' | 'http2' | 'grpc' | 'tcp' | 'tls' | 'auto'

export interface MeshService {
  readonly namespace: string
  readonly name: string
  /** Virtual addresses; empty for a headless service. */
  readonly addresses: readonly string[]
  readonly ports: readonly ServicePort[]
}

export interface ServicePort {
  readonly name: string
  readonly port: number
  readonly protocol: Protocol
  readonly endpoints: readonly MeshEndpoint[]
}

export interface MeshEndpoint {
  readonly address: string
  readonly port: number
  /** Draining ones are used only when no other is left. */
  readonly health: 'healthy' | 'draining'
  /** SPIFFE ID of a workload with a sidecar; '' without: it is reached in plaintext. */
  readonly identity: string
  /** `pod.namespace`, or ''. */
  readonly workload: string
}

export type MtlsMode = 'PERMISSIVE' | 'STRICT'

/** A pod with a sidecar. */
export interface Workload {
  readonly namespace: string
  readonly name: string
  readonly serviceAccount: string
  readonly identity: string
  readonly addresses: readonly string[]
  readonly mtls: MtlsMode
  /** Declared ports: those of its containers and those that services send to. */
  readonly ports: readonly { readonly port: number; readonly protocol: Protocol }[]
}

/** `<namespace>/<service>/<port>`: the name of its routes, clusters and endpoints. */
export function servicePortName(namespace: string, service: string, port: number): string {
  return `${namespace}/${service}/${port}`
}
