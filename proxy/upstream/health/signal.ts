import type { Clock } from '../../../core/clock.ts'
import type { Cluster, Endpoint } from '../../model/cluster.ts'
import type { UpstreamTls } from '../../model/tls.ts'
import type { HealthCheck } from '../../model/health-check.ts'
import type { ProbeDone } from '../probe/probe.ts'
import type { Turns } from '../probe/turns.ts'
import type { OutlierSet } from './outlier-set.ts'
import type { TryOutcome } from './try-outcome.ts'

/** Whether an endpoint is picked: `last-resort` while no other is left, `avoid` never. */
export type Standing = 'use' | 'last-resort' | 'avoid'

/** An endpoint is left out for how it did. */
export interface Ejection {
  /** `consecutive-errors`, see EjectionReason. */
  readonly reason: string
  /** Until one request decides whether it comes back, on the clock; in the past: one decides now. */
  readonly untilMs: number
}

/**
 * One thing that speaks for or against picking an endpoint. A signal lives as long as the endpoint is known, through
 * changes of the configuration. It is heard when it says so, never at a pick.
 */
export interface HealthSignal {
  /** For people. */
  readonly name: string
  readonly standing: Standing
  /** More than its name, for people; '' where there is nothing to say. */
  readonly said?: string
  /** Where it has ejected the endpoint. */
  readonly ejection?: Ejection | undefined
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
   * Once for each try, when all of it is known, which is later than `observe` where an answer comes in parts; allocates
   * nothing. `answered`: the answer was whole, or its head says enough. `grpcStatus`: of the answer, -1 without one.
   */
  ended?(outcome: TryOutcome, status: number, grpcStatus: number, durationMs: number, nowMs: number): void
  /** It speaks against the endpoint until a request has gone well there, and none is on its way that could. */
  readonly wantsTrial?: boolean
  /** That request begins. */
  tryOut?(): void
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
  /** Of the cluster: what is known of its endpoints together. */
  readonly outliers: OutlierSet
  /** And of its probes, and how often one of its endpoints was picked. */
  readonly turns: Turns
  picks(): number
  /** At least 0, less than 1. */
  random(): number
  /** Asks the endpoint; `done` is called once, and not after the returned function, which gives it up. */
  probe(check: HealthCheck, done: ProbeDone): () => void
  /** To be called whenever `standing` has changed: the cluster's picker is replaced. */
  changed(): void
  /** Whether every signal but this one is for the endpoint. */
  usable(but: HealthSignal): boolean
  /** Connections to the endpoint that carry nothing are closed, the others when what they carry is over. */
  closeIdle(): void
}

/** Makes the signal of one endpoint. */
export type CreateSignal = (context: SignalContext) => HealthSignal
