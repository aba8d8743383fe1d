import type { Watchable } from '../../core/watched.ts'
import type { Cluster, EndpointAssignment } from './cluster.ts'
import type { Listener } from './listener.ts'
import type { RouteConfiguration } from './route.ts'

/**
 * What the runtime reads. `undefined`: not known yet (ask and wait); `null`: known not to exist.
 * Static resources and the last good snapshot stand behind the same calls.
 */
export interface Configuration {
  /** Listeners that bind an address, or whose name is a constant (`inbound`). */
  readonly listeners: Watchable<ReadonlyMap<string, Listener>>
  /**
   * Subscribes on first use. Each call counts as use; what is not used for long, watched by nobody and named by
   * nothing in use, is forgotten, and asked for again at its next use.
   */
  listener(name: string): Watchable<Listener | null | undefined>
  route(name: string): Watchable<RouteConfiguration | null | undefined>
  cluster(name: string): Watchable<Cluster | null | undefined>
  endpoints(name: string): Watchable<EndpointAssignment | null | undefined>
  /** Version of the last accepted configuration, for logs and `explain`. */
  readonly version: string
}
