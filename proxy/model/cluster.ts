import type { ProxyProtocolVersion } from '../../core/proxy-protocol.ts'
import type { HeadLimits } from '../http/head-limits.ts'
import type { Balancing, Locality } from './balancing.ts'
import type { HealthCheck } from './health-check.ts'
import type { Http2KeepAlive, TcpKeepAlive } from './keep-alive.ts'
import type { OutlierDetection } from './outlier-detection.ts'
import type { UpstreamTls } from './tls.ts'

/** envoy.config.core.v3.TransportSocket of whom is called. */
export interface UpstreamSocket {
  /** Its name, and of the one that it wraps, for people. */
  readonly transportSocket?: string | undefined
  readonly wrappedSocket?: string | undefined
  /** Undefined: plaintext. */
  readonly tls: UpstreamTls | undefined
  /** Each connection begins with who makes it (ProxyProtocolUpstreamTransport), before TLS, and carries nobody else. */
  readonly proxyProtocol?: ProxyProtocolVersion | undefined
}

/** envoy.config.cluster.v3.Cluster, as far as Weft serves it; immutable. Its own socket is for every endpoint that no match takes. */
export interface Cluster extends UpstreamSocket {
  readonly name: string
  readonly discovery:
    | { readonly kind: 'static'; readonly assignment?: string; readonly endpoints: readonly Endpoint[] }
    | { readonly kind: 'eds'; readonly serviceName: string }
    /** Names are resolved by DNS, again every 30 s. `assignment`: cluster_name of load_assignment, for people. */
    | { readonly kind: 'dns'; readonly assignment?: string; readonly endpoints: readonly Endpoint[] }
    /** The address that iptables took the connection from. */
    | { readonly kind: 'original-dst' }
  readonly connectTimeoutMs: number
  readonly balancing: Balancing
  /** What the application behind it speaks; `downstream`: as the request came. */
  readonly http: 'http1' | 'http2' | 'downstream'
  /** First whose metadata an endpoint's `transportMatch` contains wins (Envoy transport_socket_matches). */
  readonly socketMatches: readonly (UpstreamSocket & {
    readonly name: string
    readonly metadata: Readonly<Record<string, string>>
  })[]
  readonly limits: {
    /** HTTP connections to each endpoint, of all callers together. */
    readonly maxConnections: number
    /** Opaque connections to all of them; unset: no limit. Envoy's is 1024 then. */
    readonly maxOpaqueConnections?: number | undefined
    readonly maxPendingRequests: number
    readonly maxRequests: number
    /** Requests that are tried again at once, beside what the budget lets; unset: no limit. Envoy's budget goes instead of it. */
    readonly maxRetries?: number | undefined
  }
  /** Undefined: no endpoint is ejected. */
  readonly outliers?: OutlierDetection | undefined
  /** Undefined: endpoints are not asked. */
  readonly healthCheck?: HealthCheck | undefined
  readonly retryBudget: { readonly percent: number; readonly minPerSecond: number }
  /** Idle HTTP/1.1 connections close after this; stays under the 5 s keep-alive of a Node server. Milliseconds. */
  readonly idleTimeoutMs: number
  /** Those of HTTP/2, whose server says when it goes. Milliseconds; 0: never. */
  readonly idleTimeoutHttp2Ms: number
  /** Of answers. Of max_headers_count, and filter_metadata `weft.dev`, key `maxResponseHeadersKb`. */
  readonly headLimits: HeadLimits
  /** Of http2_protocol_options.connection_keepalive; undefined: links are asked by their own rule, others never. */
  readonly keepAlive: Http2KeepAlive | undefined
  readonly tcpKeepAlive: TcpKeepAlive
  /**
   * For so long after its last pick an endpoint is the only one (filter_metadata `weft.dev`, key `clientAffinityMs`).
   * Milliseconds; unset: each pick is the balancer's.
   */
  readonly clientAffinityMs?: number | undefined
  /** For telemetry: the destination service as `name.namespace`, or ''. */
  readonly service: string
}

/** envoy.config.endpoint.v3.ClusterLoadAssignment */
export interface EndpointAssignment {
  readonly clusterName: string
  readonly endpoints: readonly Endpoint[]
}

export interface Endpoint {
  /** IP address, or a host name in a `dns` cluster. */
  readonly address: string
  readonly port: number
  readonly weight: number
  /** Draining: takes no new request while another endpoint is there. */
  readonly health: 'healthy' | 'draining' | 'unhealthy'
  /** Of filter_metadata `envoy.transport_socket_match`. */
  readonly transportMatch: Readonly<Record<string, string>>
  /** SPIFFE ID that must answer (filter_metadata `weft.dev`, key `identity`), or ''. */
  readonly identity: string
  /** `pod.namespace` for logs and spans (filter_metadata `weft.dev`, key `workload`), or ''. */
  readonly workload: string
  /** What its workload is called for telemetry (filter_metadata `weft.dev`, key `owner`; core/peer-workload.ts); left out or '': not known. */
  readonly owner?: string
  /** 0, or left out: the first to be used. */
  readonly priority?: number
  /** Where it is, and what that place weighs (0: nothing was said); left out: not known. */
  readonly locality?: (Locality & { readonly weight: number }) | undefined
}
