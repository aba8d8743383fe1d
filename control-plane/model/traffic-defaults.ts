/** What a section of a TrafficPolicy means where one of its fields is left out (docs/resilience.md). */

/** Linkerd's (2.20). Milliseconds. */
export const PEAK_EWMA = { decayMs: 10_000, failurePenaltyMs: 5000 } as const

export const LEAST_REQUEST_CHOICES = 2
/** Envoy's; a prime. */
export const MAGLEV_TABLE_SIZE = 65_537
export const RING_SIZE = 1024
export const SLOW_START_MINIMUM_PERCENT = 10

export const OUTLIER_DETECTION = {
  consecutiveErrors: 5,
  successRate: { belowPercent: 80, windowMs: 10_000, minimumRequests: 20 },
  baseEjectionMs: 30_000,
  maximumEjectionMs: 300_000,
  maximumEjectedPercent: 50,
} as const

/** GEP-3388's. */
export const RETRY_BUDGET = { percent: 20, minimumPerSecond: 10 } as const

export const HEALTH_CHECK = {
  path: '/',
  expectedStatuses: [{ start: 200, end: 299 }],
  intervalMs: 10_000,
  timeoutMs: 1000,
  unhealthyThreshold: 3,
  healthyThreshold: 2,
} as const

export const ADAPTIVE_CONCURRENCY = { minimumLimit: 20, maximumLimit: 1000 } as const

export const HEDGING_MAXIMUM = 1
