import type { OutlierDetection } from '../../model/outlier-detection.ts'
import type { TryOutcome } from './try-outcome.ts'

/** What an ejection is for; `trial-failed`: the request that was to decide on its end. */
export type EjectionReason =
  | 'consecutive-errors'
  | 'consecutive-gateway-failures'
  | 'success-rate'
  | 'failure-percentage'
  | 'trial-failed'

/**
 * What a try says of its endpoint. Nothing where it was our side that gave it up, or its sidecar's limits that were met: where
 * all of them are, each one ejected would leave more to the rest. `gateway`: no answer, or one in the name
 * of somebody behind it.
 */
export type Verdict = 'nothing' | 'good' | 'bad' | 'gateway'

/** `status`: of the response, 0 without one; `grpcStatus`: -1 without one. */
export function verdictOf(
  settings: OutlierDetection,
  outcome: TryOutcome,
  status: number,
  grpcStatus: number,
): Verdict {
  if (outcome === 'cancelled' || outcome === 'shed') return 'nothing'
  if (outcome !== 'answered') return 'gateway'
  if (status >= 502 && status <= 504) return 'gateway'
  if (status >= 500 || settings.statuses.includes(status)) return 'bad'
  if (grpcStatus <= 0 || !settings.grpcStatuses.includes(grpcStatus)) return 'good'
  // DEADLINE_EXCEEDED and UNAVAILABLE, which stand for 504 and 503.
  return grpcStatus === 4 || grpcStatus === 14 ? 'gateway' : 'bad'
}

/** What a member of a set needs of its endpoint. */
export interface OutlierHost {
  /** Whether nothing else speaks against it. */
  readonly usable: boolean
  /** What it is called in logs. */
  readonly address: string
  readonly workload: string
  /** 0: never picked. */
  readonly weight: number
  /** Its standing is another one. */
  changed(): void
  /** It is ejected: connections that wait for work are of no use now. */
  closeIdle(): void
}

/** One endpoint of a set, with what was counted of it. */
export class OutlierMember {
  readonly host: OutlierHost
  state: 'in' | 'ejected' | 'half-open' = 'in'
  /** Failed tries in a row. */
  errors = 0
  gatewayFailures = 0
  /** In the interval. */
  requests = 0
  failures = 0
  /** How often it was ejected, less one for each interval that it was in since. */
  times = 0
  /** When its state began, on the clock. */
  since = 0
  /** When an ejection is over, on the clock. */
  until = 0
  /** What it was ejected for last. */
  reason: EjectionReason | undefined
  /** A request is on its way that decides; its answer has begun well. */
  trial: 'none' | 'running' | 'answered' = 'none'
  cancelTimer: (() => void) | undefined

  constructor(host: OutlierHost) {
    this.host = host
  }

  /** It may be picked as any other. */
  get picked(): boolean {
    return this.state === 'in' && this.host.usable && this.host.weight > 0
  }

  enter(state: 'in' | 'ejected' | 'half-open', now: number): void {
    this.cancelTimer?.()
    this.cancelTimer = undefined
    this.state = state
    this.since = now
    this.trial = 'none'
    this.host.changed()
  }

  forgetInterval(): void {
    this.requests = 0
    this.failures = 0
  }
}
