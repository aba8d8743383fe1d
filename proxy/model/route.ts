import type { Pattern, Replacement } from '../../core/pattern.ts'
import type { RouteLogSettings } from '../../core/telemetry-settings.ts'
import type { FilterConfig } from './filter.ts'
import type { RateLimitRule } from './rate-limit.ts'
import type { ValueMatch } from './value-match.ts'

/** envoy.config.route.v3, as far as Weft serves it; immutable. Regular expressions are compiled once. */
export interface RouteConfiguration {
  readonly name: string
  readonly virtualHosts: readonly VirtualHost[]
}

export interface VirtualHost {
  readonly name: string
  /** Exact, `*.suffix`, `prefix.*` or `*`, lower-case. */
  readonly domains: readonly string[]
  readonly routes: readonly Route[]
}

export interface Route {
  /** Where it came from, e.g. `HTTPRoute/shop/catalog/0`: named in logs, spans and `explain`. */
  readonly name: string
  readonly match: RouteMatch
  readonly action: ForwardAction | RedirectAction | DirectResponse
  readonly requestHeaders: HeaderMutation
  readonly responseHeaders: HeaderMutation
  /** Instead of what filters say for all routes, by the filter's name. */
  readonly filterConfigs?: Readonly<Record<string, FilterConfig>>
  /** What its requests are counted by where a limit is by descriptor; its virtual host's among them, as Envoy has it. */
  readonly rateLimits?: readonly RateLimitRule[]
  /** Of the sessions that a filter keeps (filter_metadata `weft.dev`, keys `sessionAbsoluteMs` and `sessionIdleMs`). */
  readonly session?: SessionTimes
  /** Which of its requests stand in the access log, whatever else is said of them. The `weft.dev` metadata. */
  readonly accessLog?: RouteLogSettings
}

/** When a session ends, since it began and since it was used. Milliseconds; undefined: not by itself. */
export interface SessionTimes {
  readonly absoluteMs: number | undefined
  readonly idleMs: number | undefined
}

export interface RouteMatch {
  readonly path:
    /** `segment-prefix` is Envoy's path_separated_prefix: `/a` matches `/a`, `/a/b`, not `/ab`. */
    | {
        readonly kind: 'prefix' | 'segment-prefix' | 'exact'
        readonly value: string
        readonly caseSensitive: boolean
      }
    | { readonly kind: 'regex'; readonly value: Pattern }
    /** CONNECT alone, which has no path. */
    | { readonly kind: 'connect' }
  /** `:method` and friends stand among the headers, as in Envoy. Names lower-case. */
  readonly headers: readonly ValueMatch[]
  readonly query: readonly ValueMatch[]
  /** Only requests whose content-type is application/grpc. */
  readonly grpc: boolean
}

export interface ForwardAction {
  readonly kind: 'forward'
  /** Weights need not add up to 100; at least one is above 0. */
  readonly clusters: readonly WeightedCluster[]
  /** Whole request with all tries; 0: none. Milliseconds. Envoy's default is 15,000; ours when unset is 0. */
  readonly timeoutMs: number
  /** The share of a cluster that has no usable endpoint goes to the others. The route's `weft.dev` metadata. */
  readonly failover?: boolean
  readonly retry: RetryPolicy | undefined
  readonly hedge?: HedgePolicy | undefined
  readonly rewrite: {
    readonly path:
      | { readonly kind: 'prefix'; readonly value: string }
      | { readonly kind: 'regex'; readonly pattern: Pattern; readonly substitution: Replacement }
      | undefined
    readonly authority: string | undefined
  }
  /** What decides on the endpoint where the cluster balances by a hash, in order; left out: nothing does. */
  readonly hashPolicies?: readonly HashPolicy[]
  /** Copies whose answers are thrown away. */
  readonly mirrors: readonly MirrorPolicy[]
  /** Upgrades that are let through, lower-case, e.g. `websocket`. */
  readonly upgrades: readonly string[]
}

/** envoy.config.route.v3.RouteAction.HashPolicy. Terminal: those after it count only where nothing was found so far. */
export type HashPolicy = { readonly terminal: boolean } & (
  | { readonly kind: 'header'; readonly name: string }
  /** `ttlMs`: who has none is given one for so long, 0: as long as it runs; undefined: it is not. */
  | {
      readonly kind: 'cookie'
      readonly name: string
      readonly path: string
      readonly ttlMs: number | undefined
    }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'source-ip' }
)

export interface MirrorPolicy {
  readonly cluster: string
  /** Share of the requests, 0 to 100. */
  readonly percent: number
  /** The copy's authority gets Envoy's `-shadow`. */
  readonly shadowSuffix: boolean
}

export interface WeightedCluster {
  /** '' with a status: the backend is invalid and its share is answered with it (Gateway API). */
  readonly cluster: string
  readonly weight: number
  readonly requestHeaders: HeaderMutation
  readonly responseHeaders: HeaderMutation
}

export interface RedirectAction {
  readonly kind: 'redirect'
  readonly status: 301 | 302 | 303 | 307 | 308
  readonly scheme: string | undefined
  readonly authority: string | undefined
  readonly port: number | undefined
  readonly path: { readonly kind: 'full' | 'prefix'; readonly value: string } | undefined
}

export interface DirectResponse {
  readonly kind: 'direct'
  readonly status: number
  readonly body: string
}

export interface RetryPolicy {
  /** Tries beyond the first. */
  readonly retries: number
  readonly perTryTimeoutMs: number
  readonly statuses: readonly number[]
  readonly on: {
    readonly connectFailure: boolean
    readonly refusedStream: boolean
    readonly reset: boolean
    /** Only where nothing of the request was sent. */
    readonly resetBeforeRequest: boolean
    readonly gatewayError: boolean
    readonly serverError: boolean
  }
  /** gRPC statuses that are repeated, e.g. 14 UNAVAILABLE. */
  readonly grpcStatuses: readonly number[]
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  /** Repeat a method that is not idempotent (RFC 9110 section 9.2.2) although it reached a server. Off unless the route says so. */
  readonly nonIdempotent: boolean
}

/** When a request that is not answered yet is sent to another endpoint as well. */
export interface HedgePolicy {
  /** Since the try before it. */
  readonly afterMs: number
  /** Tries beside the first, at the most. */
  readonly max: number
  /** As of a RetryPolicy. */
  readonly nonIdempotent: boolean
}

/** Applied in the order remove, set, add. Names lower-case, but for how HTTP/1.1 writes them. */
export interface HeaderMutation {
  readonly remove: readonly string[]
  readonly set: readonly MutatedField[]
  readonly add: readonly MutatedField[]
}

/** `written`: the name as configuration has it; undefined: in lower case. */
export type MutatedField = readonly [name: string, value: string, written?: string]

export const NO_MUTATION: HeaderMutation = Object.freeze({ remove: [], set: [], add: [] })
