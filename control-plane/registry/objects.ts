/** Kubernetes objects as far as the mesh reads them. Immutable. */

export interface Named {
  readonly namespace: string
  readonly name: string
}

export interface NamespaceObject {
  readonly kind: 'Namespace'
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

export interface ServiceObject extends Named {
  readonly kind: 'Service'
  /** Empty: headless or ExternalName, which are no parents of routes. */
  readonly clusterIPs: readonly string[]
  readonly external: boolean
  readonly ports: readonly {
    readonly name: string
    readonly port: number
    readonly targetPort: number | string
    readonly appProtocol: string | undefined
  }[]
  readonly selector: Readonly<Record<string, string>>
}

export interface EndpointSliceObject extends Named {
  readonly kind: 'EndpointSlice'
  readonly service: string
  readonly ports: readonly { readonly name: string; readonly port: number }[]
  readonly endpoints: readonly {
    readonly addresses: readonly string[]
    readonly ready: boolean
    readonly serving: boolean
    readonly terminating: boolean
    /** Name of the pod behind it, or ''. */
    readonly pod: string
  }[]
}

export interface PodObject extends Named {
  readonly kind: 'Pod'
  readonly labels: Readonly<Record<string, string>>
  readonly serviceAccount: string
  readonly addresses: readonly string[]
  readonly containerPorts: readonly number[]
  /** It carries a sidecar. */
  readonly meshed: boolean
}

export interface PeerAuthenticationObject extends Named {
  readonly kind: 'PeerAuthentication'
  /** Empty: the whole namespace. */
  readonly selector: Readonly<Record<string, string>>
  readonly mode: 'STRICT' | 'PERMISSIVE'
}

/** HTTPRoute or GRPCRoute: the two differ in how they match. */
export interface RouteObject extends Named {
  readonly kind: 'HTTPRoute' | 'GRPCRoute'
  /** Milliseconds since the epoch; 0 where the object says nothing. The older wins a tie. */
  readonly createdAt: number
  readonly generation: number
  readonly retryNonIdempotent: boolean
  readonly parents: readonly ParentRef[]
  readonly rules: readonly RouteRule[]
}

export interface ParentRef {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly port: number | undefined
}

export interface RouteRule {
  readonly matches: readonly RouteMatch[]
  readonly filters: readonly Filter[]
  readonly backends: readonly BackendRef[]
  readonly requestTimeoutMs: number
  readonly backendTimeoutMs: number
  readonly retry:
    | { readonly codes: readonly number[]; readonly attempts: number; readonly backoffMs: number }
    | undefined
  /** Fields that the object may hold but that are not served: `Accepted: False, UnsupportedValue`. */
  readonly unsupported: readonly string[]
}

export interface RouteMatch {
  readonly path: { readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression'; readonly value: string }
  readonly method: string
  readonly headers: readonly ValueMatch[]
  readonly query: readonly ValueMatch[]
  /** Of a GRPCRoute. */
  readonly grpc: { readonly service: string; readonly method: string; readonly regex: boolean } | undefined
}

export interface ValueMatch {
  readonly name: string
  readonly type: 'Exact' | 'RegularExpression'
  readonly value: string
}

export interface BackendRef {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly port: number | undefined
  readonly weight: number
  readonly filters: readonly Filter[]
}

export interface HeaderModifier {
  readonly set: readonly (readonly [name: string, value: string])[]
  readonly add: readonly (readonly [name: string, value: string])[]
  readonly remove: readonly string[]
}

export interface PathModifier {
  readonly type: 'ReplaceFullPath' | 'ReplacePrefixMatch'
  readonly value: string
}

export type Filter =
  | { readonly type: 'RequestHeaderModifier' | 'ResponseHeaderModifier'; readonly change: HeaderModifier }
  | {
      readonly type: 'RequestRedirect'
      readonly scheme: string | undefined
      readonly hostname: string | undefined
      readonly port: number | undefined
      readonly path: PathModifier | undefined
      readonly status: 301 | 302 | 303 | 307 | 308
    }
  | {
      readonly type: 'URLRewrite'
      readonly hostname: string | undefined
      readonly path: PathModifier | undefined
    }
  | { readonly type: 'RequestMirror'; readonly backend: BackendRef; readonly percent: number }

export type MeshObject =
  | NamespaceObject
  | ServiceObject
  | EndpointSliceObject
  | PodObject
  | PeerAuthenticationObject
  | RouteObject
