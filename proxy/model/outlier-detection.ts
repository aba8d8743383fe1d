/**
 * envoy.config.cluster.v3.OutlierDetection: when an endpoint that fails is taken out of the choice, and for how long. Times
 * in milliseconds, shares from 0 to 100; `enforcing` is the share of the findings that are acted on.
 */
export interface OutlierDetection {
  /** Failed tries in a row, of whatever kind. */
  readonly consecutiveErrors: { readonly limit: number; readonly enforcing: number }
  /** Of these only 502, 503, 504, and what was no answer at all. */
  readonly consecutiveGatewayFailures: { readonly limit: number; readonly enforcing: number }
  /** Of success rate and failure percentage: what is counted in it, and how often they are looked at. */
  readonly intervalMs: number
  /** Times how often it was ejected of late. */
  readonly baseEjectionMs: number
  readonly maxEjectionMs: number
  /** Of the endpoints, at once. */
  readonly maxEjectedPercent: number
  /** An endpoint below the mean less `stdevFactor` standard deviations of all that have the volume. */
  readonly successRate: RateRule & { readonly stdevFactor: number }
  /** An endpoint that fails as often as that, or more. */
  readonly failurePercentage: RateRule & { readonly threshold: number }
  /** Counted as failures beside those from 500 on. The cluster's `weft.dev` metadata. */
  readonly statuses: readonly number[]
  /** Of gRPC. The cluster's `weft.dev` metadata. */
  readonly grpcStatuses: readonly number[]
}

export interface RateRule {
  readonly enforcing: number
  /** Endpoints with at least `requestVolume` tries in the interval; with fewer of them nothing is said. */
  readonly minimumHosts: number
  readonly requestVolume: number
}

/**
 * The statuses of gRPC that speak against who answers: UNKNOWN (a handler threw), DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE,
 * DATA_LOSS. These are Envoy's (as HTTP they are 500, 503 and 504) without UNIMPLEMENTED, and Linkerd's without
 * PERMISSION_DENIED, which are answers to what the caller asked for.
 */
export const GRPC_FAILURES: readonly number[] = [2, 4, 13, 14, 15]
