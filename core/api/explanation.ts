/** `POST /api/explain` with a `Question`; `GET /api/explain/TRACE_ID` answers for each hop of a request that happened. */
export interface Question {
  /** `shop/web`: a workload (any of its pods) or a pod. */
  readonly from: string
  /** `http://catalog.shop/items/7`, `grpc://...`, `tcp://...`. */
  readonly to: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
}

/** Of one proxy, decided by the code by which that proxy decides. Sentences are for people; the rest is for programs. */
export interface Explanation {
  readonly pod: string
  readonly namespace: string
  /** Configuration version that was asked; with what it would be by the newest where that differs. */
  readonly configVersion: string
  /** One word for what would happen. */
  readonly outcome: 'forwarded' | 'redirected' | 'answered' | 'refused' | 'passed-through' | 'unknown'
  /** Status that the caller would get where the mesh answers, or 0. */
  readonly status: number
  readonly listener: string
  readonly virtualHost: string
  /** In the order in which they are tried; the one that matches last. */
  readonly rules: readonly {
    readonly name: string
    readonly matches: boolean
    /** Why not, or by what. */
    readonly reason: string
  }[]
  readonly route: string
  readonly backends: readonly {
    readonly cluster: string
    /** 0 to 1. */
    readonly odds: number
    readonly endpoints: readonly {
      readonly address: string
      readonly workload: string
      readonly zone: string
      /** 0 to 1 of those that are picked now. */
      readonly odds: number
      readonly standing: 'use' | 'last-resort' | 'avoid'
      readonly score: number | null
      readonly ejected: string
      readonly active: number
    }[]
  }[]
  readonly timeouts: readonly { readonly name: string; readonly ms: number; readonly from: string }[]
  readonly retries: {
    readonly tries: number
    readonly on: readonly string[]
    readonly repeatable: boolean
    readonly from: string
  } | null
  /** At the server's sidecar, of the endpoint's pod. */
  readonly policy: { readonly decision: string; readonly rule: string; readonly reason: string } | null
  readonly identity: { readonly own: string; readonly expected: readonly string[] }
  /** What to know that fits nowhere above. */
  readonly notes: readonly string[]
}
