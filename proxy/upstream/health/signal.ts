import type { Clock } from '../../../core/clock.ts'
import type { Cluster, Endpoint } from '../../model/cluster.ts'
import type { UpstreamTls } from '../../model/tls.ts'

/** Whether an endpoint is picked: `last-resort` while no other is left, `avoid` never. */
export type Standing = 'use' | 'last-resort' | 'avoid'

/** How a try against an endpoint ended, as far as it tells of the endpoint. */
export type TryOutcome =
  /** The head of a final response is here; its status says what is in it. */
  | 'answered'
  | 'connect-failure'
  /** The connection or the stream broke after the request went out. */
  | 'reset'
  /** The server said that it did not process it. */
  | 'refused'
  | 'timeout'
  /** Our side gave it up: says nothing about the endpoint. */
  | 'cancelled'

/**
 * One thing that speaks for or against picking an endpoint. A signal lives as long as the endpoint is known, through
 * changes of the configuration. It is heard when it says so, never at a pick.
 */
export interface HealthSignal {
  /** For people. */
  readonly name: string
  readonly standing: Standing
  /**
   * It judges by statistics or probes, which may be wrong of many at once: under the cluster's panic threshold its
   * `last-resort` does not count.
   */
  readonly fallible?: boolean
  /**
   * After every try; allocates nothing. `status`: of the response, 0 without one. `durationMs`: since the try began.
   * `nowMs`: by the clock of the context.
   */
  observe?(outcome: TryOutcome, status: number, durationMs: number, nowMs: number): void
  /**
   * True: a connection came about. False: no sign of life comes, neither to a connect nor to a PING nor to what was sent;
   * tries may still be on their way.
   */
  signOfLife?(came: boolean): void
  /** What the configuration says of the endpoint now; `tls`: the settings that apply to it, undefined for plaintext. */
  configured?(endpoint: Endpoint, cluster: Cluster, tls: UpstreamTls | undefined): void
  /** The endpoint has left the cluster for good: the place to stop timers. */
  removed?(): void
}

export interface SignalContext {
  readonly clock: Clock
  /** To be called whenever `standing` has changed: the cluster's picker is replaced. */
  changed(): void
}

/** Makes the signal of one endpoint. */
export type CreateSignal = (context: SignalContext) => HealthSignal
