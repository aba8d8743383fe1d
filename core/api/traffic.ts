import type { Coverage, TimeRange } from './coverage.ts'

/** What was seen in a range of time. Rates are per second. */
export interface TrafficFigures {
  readonly rate: number
  /** Failed requests a second: by the callers' view where there is one. */
  readonly failedRate: number
  /** 0 to 1, of requests that their callers did not leave; null when there was none. */
  readonly successRate: number | null
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
  /** Shares of requests, 0 to 1: mutual TLS, plaintext, and what nobody told. */
  readonly transport: { readonly mutualTls: number; readonly plaintext: number; readonly unknown: number }
}

/** `GET /api/graph?last=SECONDS|from&to[&namespace]`: what calls what. */
export interface Graph extends TimeRange {
  readonly coverage: Coverage
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}

export type Health = 'ok' | 'degraded' | 'failing' | 'idle'

/** A Service or a workload by `service.namespace`; `id` '' is whoever has no identity of the mesh. */
export interface GraphNode {
  readonly id: string
  readonly name: string
  readonly namespace: string
  /** Outside: no Service of the mesh. */
  readonly kind: 'service' | 'workload' | 'outside'
  /**
   * As its callers saw it where any did, else as its own sidecars did. Of a version, only what asked for it by its own name:
   * the rest stands at the node that is split, so that a sum over nodes counts nothing twice.
   */
  readonly traffic: TrafficFigures
  /** The worst of what callers saw, of endpoints that are missing, and of ejections. */
  readonly health: Health
  /** Why it is not `ok`, one sentence each. */
  readonly reasons: readonly string[]
  /** Pods that its requests may reach, those of its versions among them. */
  readonly endpoints: {
    readonly ready: number
    /** Without those that end. */
    readonly total: number
    readonly meshed: number
    readonly ejected: number
  }
  /** What policies decide for it: `open`: no policy, `restricted`, `denied` (nobody may). */
  readonly policy: 'open' | 'restricted' | 'denied'
  /** Backends of a route that splits it, or leads elsewhere: `v2.shop`. */
  readonly versions: readonly GraphVersion[]
  /** Nodes of which it is a version. */
  readonly versionOf: readonly string[]
}

export interface GraphVersion {
  readonly id: string
  /** Configured share, 0 to 100. */
  readonly percent: number
  /** What the split led to it, as callers saw it. */
  readonly traffic: TrafficFigures
  readonly health: Health
  readonly ready: number
  readonly total: number
}

export interface GraphEdge {
  readonly source: string
  readonly target: string
  readonly traffic: TrafficFigures
  /** Refused by policy, per second. */
  readonly deniedRate: number
  readonly health: Health
}

/** What series can be asked of: `service` and `workload` by `name.namespace`, `edge` by two of them, `backend` by route rule and cluster. */
export type SeriesSubject =
  | { readonly of: 'service' | 'workload'; readonly name: string }
  | { readonly of: 'edge'; readonly source: string; readonly target: string }
  | { readonly of: 'backend'; readonly route: string; readonly cluster: string }

/** `GET /api/series?of=service&name=catalog.shop&last=3600[&points=120]`; arrays of equal length, null where nothing was seen. */
export interface Series extends TimeRange {
  readonly coverage: Coverage
  readonly subject: SeriesSubject
  /** Between two points, milliseconds. */
  readonly stepMs: number
  /** Beginning of each step. */
  readonly times: readonly number[]
  readonly rate: readonly (number | null)[]
  readonly failedRate: readonly (number | null)[]
  readonly p50Ms: readonly (number | null)[]
  readonly p95Ms: readonly (number | null)[]
  readonly p99Ms: readonly (number | null)[]
  /** Traces that stand for points: the slowest or a failed one of a step. */
  readonly exemplars: readonly {
    readonly at: number
    readonly traceId: string
    readonly durationMs: number
    readonly failed: boolean
  }[]
}

/** `GET /api/events?last=SECONDS|from&to[&namespace][&service][&limit]`: the newest first. */
export interface Events extends TimeRange {
  readonly coverage: Coverage
  readonly events: readonly MeshEvent[]
}

export interface MeshEvent {
  readonly at: number
  readonly kind:
    | 'route'
    | 'policy'
    | 'service'
    | 'endpoints'
    | 'rollout'
    | 'ejection'
    | 'canary'
    | 'certificate'
    | 'proxy'
  readonly namespace: string
  /** Of the object, `HTTPRoute/catalog`; of a proxy or pod its name. */
  readonly object: string
  /** Service that it concerns, `catalog.shop`, or ''. */
  readonly service: string
  /** One sentence. */
  readonly text: string
}
