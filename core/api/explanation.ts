/**
 * `POST /api/explain` with a `Question`, or `GET /api/explain?from&to[&method][&header=NAME: VALUE]...`, answer an `ExplainAnswer`;
 * `GET /api/explain/TRACE_ID` a `TraceExplanation`.
 */
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
  /** Envoy's response code details where the mesh answers, e.g. `route_not_found`, or ''. */
  readonly details: string
  /** Of a redirect, or ''. */
  readonly location: string
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
  /** HTTP filters that have something to say, in their order: what each would do. */
  readonly steps: readonly {
    readonly name: string
    readonly said: string
    /** What it would answer, or 0, and how likely that is, 0 to 1. */
    readonly status: number
    readonly odds: number
    /** How long it may hold the request, and how likely that is, 0 to 1. */
    readonly delayMs: number
    readonly delayOdds: number
  }[]
  /** As the request is sent on, where its route changes that; null: it is not sent, or is opaque. */
  readonly sent: { readonly method: string; readonly authority: string; readonly path: string } | null
  readonly backends: readonly {
    readonly cluster: string
    /** 0 to 1. */
    readonly odds: number
    readonly endpoints: readonly {
      readonly address: string
      readonly workload: string
      readonly zone: string
      /** 0 to 1 of its backend's requests, by picks that nobody notices. */
      readonly odds: number
      readonly standing: 'use' | 'last-resort' | 'avoid'
      /** The latency that the balancer reckons with, failures among it, milliseconds; null: nothing is known. */
      readonly score: number | null
      /** Why it is not used, or ''. */
      readonly ejected: string
      readonly active: number
    }[]
  }[]
  readonly timeouts: readonly { readonly name: string; readonly ms: number; readonly from: string }[]
  readonly retries: {
    /** The first among them; replays of what no server got come on top. */
    readonly tries: number
    /** After what this very request is tried again. */
    readonly on: readonly string[]
    /** It may be repeated although it may have reached the application. */
    readonly repeatable: boolean
    readonly from: string
  } | null
  /** At the server's sidecar, of the endpoint's pod. */
  readonly policy: { readonly decision: string; readonly rule: string; readonly reason: string } | null
  readonly identity: { readonly own: string; readonly expected: readonly string[] }
  /** What to know that fits nowhere above. */
  readonly notes: readonly string[]
}

/** What the caller's sidecar does, and then the server's with what it is sent. */
export interface ExplainAnswer {
  readonly caller: Explanation
  /** Of the endpoint that is picked most; null: the mesh answers before, or the server has no sidecar. */
  readonly server: Explanation | null
  /** Whether the caller's sidecar has what its control plane would send it now. */
  readonly config: { readonly took: number; readonly latest: number; readonly rejected: string }
}

/** A request that happened, hop by hop, and what is decided of such a one now. */
export interface TraceExplanation {
  readonly traceId: string
  /** Spans of both sides of all hops are there. */
  readonly whole: boolean
  readonly hops: readonly HopExplanation[]
}

export interface HopExplanation {
  readonly spanId: string
  readonly pod: string
  readonly namespace: string
  readonly direction: 'outbound' | 'inbound'
  /** What was decided, one sentence each, as its span recorded it. */
  readonly decided: readonly string[]
  /** By the sidecar as it is now; null: it could not be asked, and `reason` says why. */
  readonly now: Explanation | null
  readonly reason: string
  /** Where it would be decided otherwise now, one sentence each. */
  readonly differs: readonly string[]
}
