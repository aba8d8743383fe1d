/** Where a pair's parts listen, on loopback. A plain case has no `inner`. */
export interface Ports {
  /** The load connects here: the caller's sidecar. */
  readonly front: number
  /** The server's sidecar. */
  readonly inner: number
  readonly origin: number
}

/** What stands between load and origin. All pairs speak TLS 1.3 with certificates on both sides. */
export type Topology = 'plain' | 'http-pair' | 'grpc-pair' | 'tcp-pair'

/** PEM files, the same for all peers. */
export interface CertificateFiles {
  readonly roots: string
  /** The caller's workload certificate with its chain. */
  readonly client: string
  readonly clientKey: string
  /** For the DNS name SERVER_NAME. */
  readonly server: string
  readonly serverKey: string
}

export const SERVER_NAME = 'catalog.shop.svc.cluster.local'
export const CLIENT_ID = 'spiffe://cluster.local/ns/shop/sa/web'

export interface Plan {
  readonly topology: Topology
  readonly ports: Ports
  readonly certificates: CertificateFiles
  /** For configuration files and whatever the proxy writes. */
  readonly folder: string
}

export interface ProxyProcess {
  /** Where it listens once it is ready. */
  readonly port: number
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A proxy that can be measured. */
export interface Peer {
  readonly name: string
  /** The version that is measured. */
  readonly version: () => string
  /** Writes the configuration of a plan; gives what is to run, the caller's sidecar first. */
  processes(plan: Plan): ProxyProcess[]
}
