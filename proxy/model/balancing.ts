/** How a cluster's requests are shared out among its endpoints; immutable. */
export interface Balancing {
  readonly policy: BalancingPolicy
  /**
   * Where a smaller share of the endpoints of one priority is in use, all that only a fallible signal speaks against are used
   * as well (Envoy healthy_panic_threshold), 0 to 100. 0: never.
   */
  readonly panicThresholdPercent: number
  readonly localities: LocalityRule
}

export type BalancingPolicy =
  /** Power of two choices over peak EWMA. */
  | {
      readonly kind: 'peak-ewma'
      /** After so long a latency, or a penalty, counts for 1/e of what it was. Milliseconds. */
      readonly decayMs: number
      /** The latency that a failed answer counts for. Milliseconds. */
      readonly penaltyMs: number
      readonly slowStart: SlowStart | undefined
    }
  | {
      readonly kind: 'least-request'
      /** How many endpoints are compared (Envoy choice_count); at least 2. */
      readonly choices: number
      /** Where endpoints weigh differently, a weight is divided by requests in flight to this power. */
      readonly activeRequestBias: number
      readonly slowStart: SlowStart | undefined
    }
  | { readonly kind: 'round-robin'; readonly slowStart: SlowStart | undefined }
  | { readonly kind: 'random' }
  /** Consistent hashing; without a hash at random. `minimumSize`, `maximumSize`: of the ring, in entries. */
  | { readonly kind: 'ring-hash'; readonly minimumSize: number; readonly maximumSize: number }
  /** `tableSize`: a prime. */
  | { readonly kind: 'maglev'; readonly tableSize: number }

/** Whether what is sent goes by a hash of it. */
export function hashes({ kind }: BalancingPolicy): boolean {
  return kind === 'ring-hash' || kind === 'maglev'
}

/** An endpoint that is new, or back, gets its share bit by bit (Envoy SlowStartConfig). */
export interface SlowStart {
  /** Milliseconds, above 0. */
  readonly windowMs: number
  /** 1: its share grows evenly; above: faster at first. */
  readonly aggression: number
  /** Of its share, to begin with; 0 to 100. */
  readonly minimumPercent: number
}

export type LocalityRule =
  /** They make no difference. */
  | { readonly kind: 'together' }
  /** Our own first, others before ours is overloaded. */
  | {
      readonly kind: 'zone-aware'
      /** Of the requests, 0 to 100. */
      readonly percent: number
      /** With fewer endpoints in all, localities make no difference. */
      readonly minimumEndpoints: number
    }
  /** Each gets what it weighs, as far as enough of its endpoints are in use. */
  | { readonly kind: 'weighted' }

/** envoy.config.core.v3.Locality: '' where it is not said. */
export interface Locality {
  readonly region: string
  readonly zone: string
  readonly subZone: string
}

// Envoy's, where a cluster says nothing.

export const PANIC_THRESHOLD_PERCENT = 50
export const ROUND_ROBIN: Balancing = Object.freeze<Balancing>({
  policy: { kind: 'round-robin', slowStart: undefined },
  panicThresholdPercent: PANIC_THRESHOLD_PERCENT,
  localities: { kind: 'together' },
})
