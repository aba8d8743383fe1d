/** envoy.config.core.v3.HealthCheck: what an endpoint is asked, and how often. Times in milliseconds. */
export interface HealthCheck {
  readonly probe: HttpProbeSettings | GrpcProbeSettings | { readonly kind: 'tcp' }
  readonly timeoutMs: number
  readonly intervalMs: number
  /** While nobody uses the cluster. */
  readonly noTrafficIntervalMs: number
  /** Of an endpoint that fails. */
  readonly unhealthyIntervalMs: number
  /** Up to so much is added to each of the former, at random. */
  readonly jitterMs: number
  /** Failures in a row after which an endpoint is not picked, and successes after which it is again. */
  readonly unhealthyThreshold: number
  readonly healthyThreshold: number
}

export interface HttpProbeSettings {
  readonly kind: 'http'
  readonly method: string
  /** Of the `host` field. */
  readonly host: string
  readonly path: string
  /** Statuses that are good: from the first up to, not including, the second. */
  readonly expected: readonly (readonly [from: number, until: number])[]
}

/** grpc.health.v1.Health/Check */
export interface GrpcProbeSettings {
  readonly kind: 'grpc'
  /** '': the server as a whole. */
  readonly service: string
  readonly authority: string
}
