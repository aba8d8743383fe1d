import type { MeshTrust } from '../../core/mesh-trust.ts'
import type { TelemetrySettings } from '../../core/telemetry-settings.ts'
import type { HeadLimits } from '../http/head-limits.ts'
import type { FilterConfig } from './filter.ts'
import type { Http2KeepAlive } from './keep-alive.ts'
import type { PathRules } from './path-rules.ts'
import type { DownstreamTls } from './tls.ts'
import type { HeaderMutation, RouteConfiguration } from './route.ts'

/** envoy.config.listener.v3.Listener, as far as Weft serves it; immutable. */
export interface Listener {
  readonly name: string
  /** Where to bind; undefined for a virtual listener that captured traffic is handed to by its destination. */
  readonly address: { readonly host: string; readonly port: number } | undefined
  /** Listener filters: what is read from the first bytes before a chain is chosen. */
  readonly inspectTls: boolean
  readonly inspectHttp: boolean
  /** Names of the listener filters in their order, for people. */
  readonly listenerFilters?: readonly string[]
  /** Captured by iptables: the original destination is read from the socket. */
  readonly useOriginalDst: boolean
  /** Of `inbound`: what holds for every peer of this proxy, called or calling; left out: the mesh's own domain alone. */
  readonly trust?: MeshTrust | undefined
  /** Of `inbound`: what the sidecar tells of requests. The `weft.dev` metadata. */
  readonly telemetry?: TelemetrySettings | undefined
  /** How long detection waits for bytes; afterwards the connection is opaque TCP. 0: for ever. Milliseconds. */
  readonly detectTimeoutMs: number
  /**
   * Within this time what is open is ended where a change of the filters of authorization has come to refuse it. The listener's
   * `weft.dev` metadata. Milliseconds.
   */
  readonly openConnectionsMs: number
  readonly filterChains: readonly FilterChain[]
  readonly defaultFilterChain: FilterChain | undefined
}

/** Chosen by the most specific match: port, server name, transport protocol, application protocol (Envoy's order). */
export interface FilterChain {
  readonly name: string
  readonly match: {
    readonly destinationPort: number | undefined
    readonly serverNames: readonly string[]
    readonly transportProtocol: 'tls' | 'raw_buffer' | undefined
    /** After detection: `http/1.1`, `h2c`; from TLS: ALPN values. Empty: any. */
    readonly applicationProtocols: readonly string[]
  }
  /** Name of the transport socket, for people. */
  readonly transportSocket?: string | undefined
  /** Undefined: bytes are taken as they come. */
  readonly tls: DownstreamTls | undefined
  /** Asked in this order before `network` takes the connection. */
  readonly filters: readonly FilterConfig[]
  readonly network: HttpConnectionManager | TcpProxy
}

/** envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager */
export interface HttpConnectionManager {
  readonly kind: 'http'
  /** Names of the filter and of its router, for people. */
  readonly name?: string
  readonly router?: string
  readonly statPrefix: string
  readonly codec: 'auto' | 'http1' | 'http2'
  readonly route:
    | { readonly kind: 'rds'; readonly name: string }
    | { readonly kind: 'inline'; readonly config: RouteConfiguration }
  /**
   * Put in order first, before a route is chosen. Of normalize_path, merge_slashes, path_with_escaped_slashes_action,
   * and the listener's filter_metadata `weft.dev`.
   */
  readonly paths: PathRules
  /** Asked in this order, once a route is chosen; the router, always the last, is left out. */
  readonly filters: readonly FilterConfig[]
  readonly forwardClientCert:
    | 'sanitize'
    | 'sanitize_set'
    | 'append_forward'
    | 'forward_only'
    | 'always_forward_only'
  /** x-forwarded-for and its kin; undefined: passed on as they come. */
  readonly forwarded?: ForwardedRules | undefined
  /** OUTBOUND makes client spans, INBOUND server spans; undefined: neither. */
  readonly traffic: 'outbound' | 'inbound' | undefined
  /** Share of requests that begin a sampled trace when the caller decided nothing, 0 to 100. */
  readonly samplingPercent: number
  /** 0: none. Milliseconds. */
  readonly streamIdleTimeoutMs: number
  readonly requestHeadersTimeoutMs: number
  /** For a whole request to come, until its answer begins. */
  readonly requestTimeoutMs: number
  readonly idleTimeoutMs: number
  /** An HTTP/1.1 caller that ends its side waits for the answer; otherwise it has given up. The listener's `weft.dev` metadata. */
  readonly keepHalfClosed: boolean
  /** Of requests. Of max_request_headers_kb and common_http_protocol_options.max_headers_count. */
  readonly headLimits: HeadLimits
  /**
   * Names of HTTP/1.1 fields are sent as they were written; otherwise in lower case. Envoy's `header_key_format`, which is
   * on here unless the listener's `weft.dev` metadata says otherwise.
   */
  readonly keepFieldCase: boolean
  /** Name of `header_key_format`'s formatter, for people. */
  readonly fieldFormatter?: string | undefined
  readonly maxConcurrentStreams: number
  /** Of http2_protocol_options.connection_keepalive; undefined: links are asked by their own rule, others never. */
  readonly keepAlive: Http2KeepAlive | undefined
}

/** What is said of the caller in x-forwarded-for and x-forwarded-proto, and what of it the caller may say. */
export interface ForwardedRules {
  /** Envoy's use_remote_address: the connection tells; otherwise nothing is added. */
  readonly says: boolean
  /** The caller's address is added to x-forwarded-for: not with Envoy's skip_xff_append. */
  readonly appends: boolean
  /** What the caller says is dropped, in whatever field. The listener's `weft.dev` metadata. */
  readonly sanitizes: boolean
  /** Envoy's xff_num_trusted_hops: so many of the last addresses, and x-forwarded-proto, are believed. */
  readonly trustedHops: number
}

/** envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy */
export interface TcpProxy {
  readonly kind: 'tcp'
  /** Name of the filter, for people. */
  readonly name?: string
  readonly statPrefix: string
  /** `cluster` '': a backend that is none, whose share of the connections is refused. */
  readonly clusters: readonly { readonly cluster: string; readonly weight: number }[]
  /** 0: none. Milliseconds. */
  readonly idleTimeoutMs: number
}

export type { HeaderMutation }
