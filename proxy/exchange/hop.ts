import type { Watchable } from '../../core/watched.ts'
import type { HttpConnectionManager } from '../model/listener.ts'
import type { ForwardAction, RouteConfiguration } from '../model/route.ts'
import { WeightedPick } from '../route/weighted-pick.ts'
import type { Destination } from '../transport/original-destination.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'
import type { TelemetrySink } from './telemetry-sink.ts'

/** What all exchanges of a process share. */
export interface ExchangeDependencies {
  readonly clusters: ClusterManager
  readonly telemetry: TelemetrySink
  readonly picks: WeightedPicks
  /** Version of the configuration in force. */
  readonly configVersion: () => string
  /** How long a request waits for configuration that is on its way. Milliseconds. */
  readonly configWaitMs: number
  /** Exchanges running now, watched for idleness. */
  readonly running: Set<{ idleCheck(nowMs: number): void }>
  /** The event loop is so far behind that new requests are turned away. */
  readonly overloaded: () => boolean
}

/** What all exchanges of one downstream connection share. */
export interface Hop {
  readonly direction: 'outbound' | 'inbound'
  readonly manager: HttpConnectionManager
  readonly routes: Watchable<RouteConfiguration | null | undefined>
  readonly original: Destination | undefined
  /** `ip:port` of the caller. */
  readonly downstream: string
  /** Verified SPIFFE ID of the caller, or ''. */
  readonly sourceIdentity: string
  readonly localIdentity: string
  /** The caller speaks HTTP/2 to us. */
  readonly http2: boolean
  /** The caller is a sidecar of ours (`weft-h2`). */
  readonly link: boolean
}

/** The state of weighted picks, one per route action for as long as that is configured. */
export class WeightedPicks {
  readonly #picks = new WeakMap<ForwardAction, WeightedPick>()

  /** Index into `action.clusters`. */
  next(action: ForwardAction): number {
    if (action.clusters.length === 1) return 0
    let pick = this.#picks.get(action)
    if (!pick) {
      pick = new WeightedPick(action.clusters.map((cluster) => cluster.weight))
      this.#picks.set(action, pick)
    }
    return pick.next()
  }
}
