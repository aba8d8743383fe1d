/**
 * What a TrafficPolicy says, section by section; a section that is left out is for the next wider target to say, and at
 * last for the default of docs/resilience.md. Times are milliseconds, shares are percent from 0 to 100.
 */
export interface TrafficSettings {
  readonly loadBalancing?: LoadBalancing
  readonly outlierDetection?: OutlierSettings
  readonly circuitBreaker?: CircuitBreaker
  readonly retryBudget?: RetryBudget
  readonly healthCheck?: HealthCheckSettings
  readonly backendFailover?: BackendFailover
  readonly faults?: readonly Fault[]
  readonly rateLimits?: readonly RateLimitSettings[]
  readonly adaptiveConcurrency?: AdaptiveConcurrencySettings
  readonly hedging?: Hedging
}

export type Section = keyof TrafficSettings

export const SECTIONS: readonly Section[] = [
  'loadBalancing',
  'outlierDetection',
  'circuitBreaker',
  'retryBudget',
  'healthCheck',
  'backendFailover',
  'faults',
  'rateLimits',
  'adaptiveConcurrency',
  'hedging',
]

/** What is decided for each request, so that a route can say it for its own. The others are a Service's. */
export const ROUTE_SECTIONS: ReadonlySet<Section> = new Set(['backendFailover', 'faults', 'hedging'])

/** Where nobody says anything. */
export const NO_SETTINGS: TrafficSettings = Object.freeze({})

export interface LoadBalancing {
  readonly policy:
    | { readonly type: 'PeakEwma'; readonly decayMs: number; readonly failurePenaltyMs: number }
    /** Endpoints that are drawn, of which the one with the fewest requests is taken. */
    | { readonly type: 'LeastRequest'; readonly choices: number }
    | { readonly type: 'RoundRobin' | 'Random' }
    | ConsistentHash
  readonly slowStart?: { readonly windowMs: number; readonly minimumPercent: number }
  /** Undefined: as the Service's trafficDistribution says. */
  readonly locality?: 'Prefer' | 'Off'
  /** With a smaller share of usable endpoints, all of them are used. */
  readonly panicThresholdPercent?: number
}

export interface ConsistentHash {
  readonly type: 'ConsistentHash'
  readonly table:
    | { readonly algorithm: 'Maglev'; readonly size: number }
    | { readonly algorithm: 'RingHash'; readonly minimumSize: number }
  /** The first that a request has decides. */
  readonly hashOn: readonly HashSource[]
}

export type HashSource =
  | { readonly type: 'Header'; readonly header: string }
  /** Without `ttlMs` none is made for requests that have none; 0: until the client ends. */
  | {
      readonly type: 'Cookie'
      readonly name: string
      readonly ttlMs: number | undefined
      readonly path: string | undefined
    }
  | { readonly type: 'QueryParam'; readonly queryParam: string }
  | { readonly type: 'SourceIP' }

export type OutlierSettings =
  | { readonly mode: 'Off' }
  | {
      readonly mode: 'On'
      readonly consecutiveErrors: number
      /** Counted beside 5xx. */
      readonly statusCodes: readonly number[]
      /** Numbers of gRPC's codes. */
      readonly grpcStatusCodes: readonly number[]
      readonly successRate: {
        readonly belowPercent: number
        readonly windowMs: number
        readonly minimumRequests: number
      }
      readonly baseEjectionMs: number
      readonly maximumEjectionMs: number
      readonly maximumEjectedPercent: number
    }

export interface CircuitBreaker {
  readonly maximumConnections?: number
  readonly maximumPendingRequests?: number
  readonly maximumRequests?: number
  readonly maximumRetries?: number
}

export interface RetryBudget {
  /** Of the requests that are under way. */
  readonly percent: number
  readonly minimumPerSecond: number
}

export interface HealthCheckSettings {
  readonly probe:
    | { readonly type: 'HTTP'; readonly path: string; readonly expectedStatuses: readonly StatusRange[] }
    /** Of grpc.health.v1; '': of the server as a whole. */
    | { readonly type: 'GRPC'; readonly service: string }
    | { readonly type: 'TCP' }
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly unhealthyThreshold: number
  readonly healthyThreshold: number
}

/** Both ends belong to it. */
export interface StatusRange {
  readonly start: number
  readonly end: number
}

export interface BackendFailover {
  readonly mode: 'Off' | 'Redistribute'
}

/** Of those that match a request, the first holds. */
export interface Fault {
  /** Names in lower case; a request must have all of them. */
  readonly matches: readonly { readonly header: string; readonly value: string }[]
  readonly delay?: { readonly durationMs: number; readonly percent: number }
  readonly abort?: {
    readonly status: number | undefined
    /** Number of gRPC's code. */
    readonly grpcStatus: number | undefined
    readonly percent: number
  }
}

export interface RateLimitSettings {
  readonly requests: number
  readonly perMs: number
  /** What a bucket holds. */
  readonly burst: number
  readonly by:
    | { readonly type: 'Service' | 'Caller' }
    /** Its name in lower case. */
    | { readonly type: 'Header'; readonly header: string }
}

export type AdaptiveConcurrencySettings =
  | { readonly mode: 'Off' }
  | {
      readonly mode: 'On'
      readonly minimumLimit: number
      readonly maximumLimit: number
      /** In lower case. */
      readonly priorityHeader: string | undefined
    }

export interface Hedging {
  readonly afterMs: number
  /** Tries beyond the first; 0: none. */
  readonly maximum: number
}
