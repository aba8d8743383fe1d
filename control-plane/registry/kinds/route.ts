import type { Meta } from './meta.ts'
import type { SessionPersistence } from './session-persistence.ts'

/** What HTTPRoute and GRPCRoute (gateway.networking.k8s.io/v1) have in common, as their authors wrote it. */
export interface RouteObject {
  readonly kind: 'HTTPRoute' | 'GRPCRoute'
  readonly meta: Meta
  readonly parentRefs: readonly ParentRef[]
  /** For Gateways: in a mesh the destination decides, not the Host (GEP-1426). */
  readonly hostnames: readonly string[]
  readonly rules: readonly RouteRule[]
}

export interface ParentRef {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly port: number | undefined
  readonly sectionName: string | undefined
}

export interface RouteRule {
  /** '' where it has none. */
  readonly name: string
  readonly matches: readonly RouteMatch[]
  readonly filters: readonly RouteFilter[]
  readonly backendRefs: readonly BackendRef[]
  readonly requestTimeoutMs: number | undefined
  readonly backendTimeoutMs: number | undefined
  readonly retry: RouteRetry | undefined
  readonly sessionPersistence: SessionPersistence | undefined
}

export interface RouteRetry {
  readonly codes: readonly number[]
  readonly attempts: number | undefined
  readonly backoffMs: number | undefined
}

export interface RouteMatch {
  readonly path:
    | { readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression'; readonly value: string }
    | undefined
  /** HTTP method. */
  readonly method: string | undefined
  readonly grpc:
    | { readonly type: 'Exact' | 'RegularExpression'; readonly service: string; readonly method: string }
    | undefined
  readonly headers: readonly RouteValueMatch[]
  readonly query: readonly RouteValueMatch[]
}

export interface RouteValueMatch {
  readonly type: 'Exact' | 'RegularExpression'
  readonly name: string
  readonly value: string
}

export interface BackendRef {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly port: number | undefined
  readonly weight: number
  readonly filters: readonly RouteFilter[]
}

export interface HeaderFilter {
  readonly set: readonly (readonly [string, string])[]
  readonly add: readonly (readonly [string, string])[]
  readonly remove: readonly string[]
}

export interface PathModifier {
  readonly type: 'ReplaceFullPath' | 'ReplacePrefixMatch'
  readonly value: string
}

/** HTTPCORSFilter (GEP-1767), as it was written; `*` stands alone in its list. */
export interface CorsFilter {
  /** `https://shop.example`, `https://*.shop.example:8443`, or `*`. */
  readonly allowOrigins: readonly string[]
  readonly allowMethods: readonly string[]
  readonly allowHeaders: readonly string[]
  readonly exposeHeaders: readonly string[]
  /** Seconds. */
  readonly maxAge: number
  readonly allowCredentials: boolean
}

export type RouteFilter =
  | { readonly type: 'RequestHeaderModifier' | 'ResponseHeaderModifier'; readonly headers: HeaderFilter }
  | {
      readonly type: 'RequestRedirect'
      readonly scheme: string | undefined
      readonly hostname: string | undefined
      readonly port: number | undefined
      readonly path: PathModifier | undefined
      readonly statusCode: number
    }
  | {
      readonly type: 'URLRewrite'
      readonly hostname: string | undefined
      readonly path: PathModifier | undefined
    }
  | { readonly type: 'RequestMirror'; readonly backend: BackendRef; readonly percent: number }
  | { readonly type: 'CORS'; readonly cors: CorsFilter }
  | { readonly type: 'Unsupported'; readonly name: string }
