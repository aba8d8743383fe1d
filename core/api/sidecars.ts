import type { Coverage } from './coverage.ts'

/** `GET /api/sidecars[?namespace]`: the mesh's sidecars, as their streams and their own reports tell, and those that are missing. */
export interface Sidecars {
  readonly coverage: Coverage
  /** When this was answered, milliseconds since the epoch, as all times here. */
  readonly now: number
  readonly sidecars: readonly Sidecar[]
}

export interface Sidecar {
  readonly namespace: string
  readonly pod: string
  /** Of its pod in telemetry, or ''. */
  readonly service: string
  readonly serviceAccount: string
  /** Null: it asks no control plane that answered for its configuration. */
  readonly connectedAt: number | null
  /** Of Node.js, or ''. */
  readonly runtime: string
  /** Of the mesh, as it took it last, counted by the control plane that it asks; 0: none. */
  readonly version: number
  /** Versions of the mesh that are newer than that. */
  readonly behind: number
  /** Why it refused what it was sent last, or ''. */
  readonly rejected: string
  /** When it told of itself last; null: it has not. */
  readonly reportedAt: number | null
  /** Of its own certificate. */
  readonly certificateEndsAt: number | null
  /** Of the first to end among the roots that it trusts. */
  readonly rootEndsAt: number | null
  /** When what it serves by changed last. */
  readonly configChangedAt: number | null
}

/** An endpoint that a caller leaves out for how it did. */
export interface Ejection {
  /** `shop/catalog/8080` */
  readonly cluster: string
  /** `10.244.0.7:8080` */
  readonly endpoint: string
  /** `catalog-1.shop`; '' of what is no pod. */
  readonly workload: string
  /** Who leaves it out: `shop/web-1`, and its name in telemetry, `web.shop`. */
  readonly pod: string
  readonly caller: string
  /** `consecutive-errors`, `consecutive-gateway-failures`, `success-rate`, `failure-percentage`, `trial-failed`. */
  readonly reason: string
  /** Until one request decides; in the past: one decides now. */
  readonly until: number
  /** When this was told first. */
  readonly since: number
}
