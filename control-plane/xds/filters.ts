import { packAny } from '../../core/xds/any.ts'
import {
  HttpConnectionManager,
  HttpInspector,
  Router,
  TcpProxy,
  TlsInspector,
  type Filter,
  type ListenerFilter,
  type RouteConfiguration,
} from '../../core/xds/generated/envoy.js'

const HOUR_MS = 3_600_000
/** Between a connection and its first request line: slow senders of heads are cut off. */
const REQUEST_HEADERS_MS = 10_000
const MAX_HEADERS_KIB = 60
const MAX_STREAMS = 10_000

/** How long detection waits before a connection counts as opaque TCP. Milliseconds. */
export const DETECT_TIMEOUT_MS = 3000

export const TLS_INSPECTOR: ListenerFilter = {
  name: 'envoy.filters.listener.tls_inspector',
  typedConfig: packAny(TlsInspector, {}),
}

export const HTTP_INSPECTOR: ListenerFilter = {
  name: 'envoy.filters.listener.http_inspector',
  typedConfig: packAny(HttpInspector, {}),
}

export interface HttpOptions {
  readonly statPrefix: string
  readonly routes: { readonly rds: string } | RouteConfiguration
  readonly inbound: boolean
  /** Share of requests that begin a sampled trace when their caller decided nothing, 0 to 100. */
  readonly samplingPercent: number
}

export function httpConnectionManager(options: HttpOptions): HttpConnectionManager {
  const { statPrefix, routes, inbound, samplingPercent } = options
  return {
    codecType: 'AUTO',
    statPrefix,
    ...('rds' in routes
      ? { rds: { configSource: { ads: {}, resourceApiVersion: 'V3' }, routeConfigName: routes.rds } }
      : { routeConfig: routes }),
    httpFilters: [{ name: 'envoy.filters.http.router', typedConfig: packAny(Router, {}) }],
    tracing: { randomSampling: { value: samplingPercent } },
    commonHttpProtocolOptions: { idleTimeout: HOUR_MS },
    http2ProtocolOptions: { maxConcurrentStreams: MAX_STREAMS },
    maxRequestHeadersKb: MAX_HEADERS_KIB,
    // Long streams may be quiet for as long as they like.
    streamIdleTimeout: 0,
    requestHeadersTimeout: REQUEST_HEADERS_MS,
    // Who called is told by the certificate alone; what the caller says about it is dropped.
    ...(inbound
      ? { forwardClientCertDetails: 'SANITIZE_SET', setCurrentClientCertDetails: { uri: true } }
      : { forwardClientCertDetails: 'SANITIZE' }),
  }
}

export function httpFilter(options: HttpOptions): Filter {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typedConfig: packAny(HttpConnectionManager, httpConnectionManager(options)),
  }
}

export function tcpFilter(statPrefix: string, cluster: string): Filter {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typedConfig: packAny(TcpProxy, { statPrefix, cluster, idleTimeout: HOUR_MS }),
  }
}
