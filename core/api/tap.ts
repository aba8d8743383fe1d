import type { Coverage } from './coverage.ts'

/**
 * `GET /api/tap?namespace[&workload][&service][&route][&direction][&method][&path][&status][&flag][&min][&max][&headers][&rate]`:
 * server-sent events. `source` comes first, and whenever it changed: a TapSource. `request`: a TappedRequest each. `skipped`: a
 * TapSkipped, at most once a second.
 */
export interface TappedRequest {
  /** When it began; milliseconds since the epoch. */
  readonly at: number
  readonly direction: 'inbound' | 'outbound'
  /** Of the sidecar that tells. */
  readonly namespace: string
  readonly pod: string
  readonly service: string
  /** SPIFFE ID of the caller; without mutual TLS its own name, `web.shop`, where its sidecar tells, else its address. */
  readonly source: string
  /** SPIFFE ID of who answered; the backend where it has none. */
  readonly destination: string
  /** The Service that was asked, `catalog.shop`, where that is known. */
  readonly asked?: string
  readonly method: string
  readonly authority: string
  /** Without its query. */
  readonly path: string
  /** 0: no answer. */
  readonly status: number
  readonly grpcStatus: number | null
  /** Letters with commas between; '' or '-': none. */
  readonly flags: string
  readonly durationMs: number
  readonly traceId: string
  /** Spans of it go to the trace store; left out: they do. */
  readonly traced?: boolean
  readonly route: string
  readonly upstream: string
  /** As `headers`; values of parameters that are named like credentials never. */
  readonly query?: string
  /** Of the request. Only for whoever asks for them and may see them; values of credentials never. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Who tells of the requests of a tap. */
export interface TapSource {
  /** Some sidecars are heard by their traces alone: those of `others`. */
  readonly sampled: boolean
  /** Sidecars that tell of every request that fits. */
  readonly live: number
  /** Sidecars that do not, by name, a hundred at most: of their requests those are shown whose traces come here. */
  readonly others: readonly { readonly pod: string; readonly reason: string }[]
  /** All of them. */
  readonly otherCount: number
  readonly coverage: Coverage
}

/** Requests that fit and were not shown, because more came than the rate lets through, since the one before. */
export interface TapSkipped {
  readonly requests: number
}
