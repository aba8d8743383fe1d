import type { RouteLogTexts } from '../../core/telemetry-settings.ts'
import type { ConnectionRoutes } from './connection-route.ts'
import type { Cors } from './cors.ts'
import type { Session } from './session.ts'

/** Routes of one Service port for one audience. */
export type RouteGroup = RequestRoutes | ConnectionRoutes

/** In the order in which they are tried. */
export interface RequestRoutes {
  readonly kind: 'http' | 'grpc'
  readonly entries: readonly RouteEntry[]
}

/** Of the group, what requests follow; undefined: connections are routed, or nothing is. */
export function requestRoutes(group: RouteGroup | undefined): RequestRoutes | undefined {
  return group?.kind === 'http' || group?.kind === 'grpc' ? group : undefined
}

/** One match of one rule. */
export interface RouteEntry {
  readonly match: Match
  readonly rule: Rule
}

export interface Rule {
  /** `HTTPRoute/shop/catalog/0` */
  readonly name: string
  readonly requestHeaders: HeaderChange
  readonly responseHeaders: HeaderChange
  /** Which other origins may use it from a browser; undefined: nothing is said of them. */
  readonly cors?: Cors
  /** Which of its requests stand in the callers' access log; undefined: nothing is said of it. */
  readonly accessLog?: RouteLogTexts
  readonly action: Forward | Redirect
}

export interface Match {
  readonly path:
    | { readonly kind: 'exact'; readonly value: string }
    /** By path segment, without a trailing slash; '' matches everything. */
    | { readonly kind: 'prefix'; readonly value: string }
    | { readonly kind: 'regex'; readonly value: string }
  readonly method: string | undefined
  /** Names lower-case and unique. */
  readonly headers: readonly ValueMatch[]
  readonly query: readonly ValueMatch[]
  readonly grpc: boolean
}

export interface ValueMatch {
  readonly name: string
  readonly kind: 'exact' | 'regex'
  readonly value: string
}

export interface HeaderChange {
  readonly set: readonly (readonly [name: string, value: string])[]
  readonly add: readonly (readonly [name: string, value: string])[]
  readonly remove: readonly string[]
}

export const NO_CHANGE: HeaderChange = Object.freeze({ set: [], add: [], remove: [] })

export interface Forward {
  readonly kind: 'forward'
  /** Empty, or all weights 0: every request fails as with an invalid backend. */
  readonly backends: readonly Backend[]
  readonly mirrors: readonly { readonly portKey: string; readonly percent: number }[]
  readonly rewrite: PathAndHost
  /** Milliseconds; 0: none. */
  readonly requestTimeoutMs: number
  readonly tryTimeoutMs: number
  /** Undefined: the mesh's safe default. */
  readonly retry: Retry | undefined
  /** A request that may have reached a server is repeated whatever its method. */
  readonly retryNonIdempotent: boolean
  /** Requests of one session stay with one endpoint; undefined: each goes anywhere. */
  readonly session?: Session
}

export interface Backend {
  /** `namespace/service/port`; undefined: the reference is invalid, its share fails. */
  readonly portKey: string | undefined
  readonly weight: number
  readonly requestHeaders: HeaderChange
  readonly responseHeaders: HeaderChange
}

export interface Retry {
  /** Tries beyond the first; 0 switches the default off. */
  readonly retries: number
  readonly statuses: readonly number[]
  /** Milliseconds: the least wait; undefined: the default. */
  readonly backoffMs: number | undefined
}

export interface PathAndHost {
  readonly host: string | undefined
  readonly path: { readonly kind: 'full' | 'prefix'; readonly value: string } | undefined
}

export interface Redirect extends PathAndHost {
  readonly kind: 'redirect'
  readonly scheme: string | undefined
  readonly port: number | undefined
  readonly status: 301 | 302 | 303 | 307 | 308
}

/** As it goes into a route's `status.parents`. */
export interface RouteStatus {
  readonly kind: 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute' | 'TCPRoute'
  readonly namespace: string
  readonly name: string
  readonly parents: readonly ParentStatus[]
}

/** One reason why a route is not, or not wholly, in force, with its place in the route. */
export interface RouteProblem {
  readonly kind: RouteStatus['kind']
  readonly namespace: string
  readonly name: string
  /** `spec.rules[0].backendRefs[1].port` */
  readonly field: string
  /** Of the condition that says it. */
  readonly reason: string
  readonly message: string
  /** `namespace/name` of the Service that is named there. */
  readonly service: string | undefined
  /** What becomes of requests meanwhile, in a sentence. */
  readonly effect: string
}

export interface ParentStatus {
  readonly parentRef: {
    readonly group: string
    readonly kind: 'Service'
    readonly namespace: string
    readonly name: string
    readonly port?: number
    readonly sectionName?: string
  }
  readonly controllerName: string
  readonly conditions: readonly Condition[]
}

export interface Condition {
  readonly type: 'Accepted' | 'ResolvedRefs' | 'PartiallyInvalid' | 'weft.dev/LimitedWithoutSidecar'
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
  readonly observedGeneration: number
}
