import type { Clock } from '../../core/clock.ts'
import type { ForwardAction } from '../model/route.ts'
import { WeightedPick } from '../route/weighted-pick.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'
import type { MirrorRoom } from './mirror-room.ts'
import type { RunningExchanges } from './running-exchanges.ts'
import type { TelemetrySink } from './telemetry-sink.ts'

/** What all exchanges of a process share. */
export interface ExchangeDependencies {
  readonly clusters: ClusterManager
  readonly telemetry: TelemetrySink
  readonly picks: WeightedPicks
  readonly mirrorRoom: MirrorRoom
  /** Monotonic. */
  readonly clock: Clock
  /** From 0 up to 1: for the jitter of retries and the share of mirrors. */
  readonly random: () => number
  /** Version of the configuration in force. */
  readonly configVersion: () => string
  /** How long a request waits for configuration that is on its way. Milliseconds. */
  readonly configWaitMs: number
  /** Exchanges running now, watched for idleness, and asked again when policies change. */
  readonly running: RunningExchanges
  /** The event loop is so far behind that new requests are turned away. */
  readonly overloaded: () => boolean
}

/** The state of weighted picks, one per route action for as long as that is configured. */
export class WeightedPicks {
  readonly #picks = new WeakMap<ForwardAction, WeightedPick>()
  readonly #random: () => number

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** Index into `action.clusters`. */
  next(action: ForwardAction): number {
    if (action.clusters.length === 1) return 0
    let pick = this.#picks.get(action)
    if (!pick) {
      pick = new WeightedPick(
        action.clusters.map((cluster) => cluster.weight),
        this.#random,
      )
      this.#picks.set(action, pick)
    }
    return pick.next()
  }
}
