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
  /**
   * What was changed came to a proxy: endpoints of a Service (its key), or its inbound listener with the changed policy
   * (policyKey). `at`: milliseconds of the machine's monotonic clock.
   */
  | { readonly type: 'changed'; readonly key: string; readonly at: number; readonly bytes: number }
  /** A proxy was told to come back later, and does. */
  | { readonly type: 'again' }
  | { readonly type: 'failed'; readonly message: string }

/** What the changed policy denies begins with this; the number of the change follows, and a slash. */
export const CHANGED_PATH = '/changed-'

/** Of the inbound listener in which the changed policy has had so many changes. */
export const policyKey = (number: number): string => `policy ${number}`

/** The same in every process of the machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
