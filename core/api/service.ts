import type { Coverage } from './coverage.ts'
import type { Ejection } from './sidecars.ts'

/**
 * `GET /api/services/NAMESPACE/NAME/endpoints`: where its requests go, and how each endpoint does. What runs there now only its
 * callers know: a few of them are asked, and which is said.
 */
export interface ServiceEndpoints {
  readonly coverage: Coverage
  /** Milliseconds since the epoch, as all times here. */
  readonly now: number
  /** Pods of those that called it lately, by `namespace/pod`, that answered. */
  readonly asked: readonly { readonly pod: string; readonly caller: string }[]
  readonly unanswered: readonly { readonly pod: string; readonly reason: string }[]
  /** Pods with a sidecar of all workloads that called it lately. */
  readonly callers: number
  readonly endpoints: readonly ServiceEndpoint[]
}

export interface ServiceEndpoint {
  /** `10.244.0.7:8080`, IPv6 in brackets. */
  readonly address: string
  readonly protocol: string
  /** `catalog-1.shop`; '' of what is no pod. */
  readonly workload: string
  readonly zone: string
  readonly node: string
  /** `healthy`, `draining`, ... of its EndpointSlice. */
  readonly health: string
  readonly meshed: boolean
  readonly identity: string
  /** Requests and connections of the callers that were asked which run there; null: none of them uses it. */
  readonly active: number | null
  /** The longest that one of them reckons with, failures among it; null: nothing is known. */
  readonly latencyMs: number | null
  /** By all callers, asked or not: as they report it. */
  readonly ejections: readonly Ejection[]
  /** Of its sidecar's certificate; null: it has not told. */
  readonly certificateEndsAt: number | null
}

/** What a caller's sidecar answers to a question of kind `endpoints`, whose question is `{ clusters: string[] }`. */
export interface EndpointLoad {
  readonly cluster: string
  readonly address: string
  readonly active: number
  readonly latencyMs: number | null
}

/** `GET /api/services/NAMESPACE/NAME/configuration`: what holds for it, in words, and the objects that say so. */
export interface ServiceConfiguration {
  readonly words: readonly string[]
  readonly objects: readonly ConfigurationObject[]
}

export interface ConfigurationObject {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** As it was written, without what the API server keeps for itself; '' where it cannot be read, and then why. */
  readonly yaml: string
  readonly problem: string
}
