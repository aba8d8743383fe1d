/** Traffic rules of one service port, already bound, merged and in order of precedence. */
export interface RouteTable {
  /** First match wins. Empty: no route is bound, plain service behaviour. */
  readonly rules: readonly Rule[]
}

/** One match of one rule of one route object. */
export interface Rule {
  /** `HTTPRoute/<namespace>/<name>/<rule index>`. */
  readonly name: string
  readonly match: Match
  readonly backends: readonly Backend[]
  readonly requestHeaders: HeaderChange | undefined
  readonly responseHeaders: HeaderChange | undefined
  readonly redirect: Redirect | undefined
  readonly rewrite: Rewrite | undefined
  readonly mirrors: readonly { readonly target: string; readonly percent: number }[]
  /** 0: none. Milliseconds. */
  readonly timeoutMs: number
  readonly perTryTimeoutMs: number
  readonly retry: Retry | undefined
}

export interface Match {
  readonly path: { readonly kind: 'exact' | 'prefix' | 'regex'; readonly value: string }
  /** '': any. */
  readonly method: string
  readonly headers: readonly NamedMatch[]
  readonly query: readonly NamedMatch[]
  readonly grpc: boolean
}

export interface NamedMatch {
  readonly name: string
  readonly kind: 'exact' | 'regex'
  readonly value: string
}

export interface Backend {
  /** Name of a service port, or '' when the reference is invalid: its share is answered with 500. */
  readonly target: string
  readonly weight: number
  readonly requestHeaders: HeaderChange | undefined
  readonly responseHeaders: HeaderChange | undefined
}

export interface HeaderChange {
  readonly set: readonly (readonly [name: string, value: string])[]
  readonly add: readonly (readonly [name: string, value: string])[]
  readonly remove: readonly string[]
}

export interface Redirect {
  readonly scheme: string | undefined
  readonly hostname: string | undefined
  readonly port: number | undefined
  readonly path: PathChange | undefined
  readonly status: 301 | 302 | 303 | 307 | 308
}

export interface Rewrite {
  readonly hostname: string | undefined
  readonly path: PathChange | undefined
}

export interface PathChange {
  readonly kind: 'full' | 'prefix'
  readonly value: string
}

export interface Retry {
  /** Tries beyond the first. */
  readonly attempts: number
  readonly codes: readonly number[]
  readonly backoffMs: number
  /** The route's owner says that its writes may be repeated. */
  readonly nonIdempotent: boolean
}

/** What a route object's author is told, for each parent. */
export interface RouteStatus {
  readonly kind: 'HTTPRoute' | 'GRPCRoute'
  readonly namespace: string
  readonly name: string
  readonly generation: number
  readonly parents: readonly {
    readonly parent: string
    readonly conditions: readonly Condition[]
  }[]
}

export interface Condition {
  readonly type: 'Accepted' | 'ResolvedRefs' | 'PartiallyInvalid'
  readonly status: boolean
  readonly reason: string
  readonly message: string
}
