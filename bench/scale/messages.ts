/** A proxy that the clients' process plays. */
export interface ProxySpec {
  readonly namespace: string
  readonly pod: string
  readonly token: string
  /** What it calls: ClusterIP and name of a Service whose port is 80. */
  readonly destinations: readonly { readonly address: string; readonly key: string }[]
}

export interface ClientsConfig {
  readonly port: number
  readonly roots: string
  readonly serverName: string
  readonly proxies: readonly ProxySpec[]
}

export type FromClients =
  /** Every proxy has all that it asked for. */
  | { readonly type: 'synced'; readonly bytes: number }
  /** Endpoints of a Service came to a proxy. `at`: milliseconds of the machine's monotonic clock. */
  | { readonly type: 'endpoints'; readonly key: string; readonly at: number; readonly bytes: number }
  /** A proxy was told to come back later, and does. */
  | { readonly type: 'again' }
  | { readonly type: 'failed'; readonly message: string }

/** The same in every process of the machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
