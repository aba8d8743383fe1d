import { packAny } from '../../core/xds/any.ts'
import {
  Buffer as BufferFilter,
  HttpConnectionManager,
  HttpInspector,
  Router,
  TcpProxy,
  TlsInspector,
  type Filter,
  type HttpFilter,
  type HttpProtocolOptions,
  type Listener,
  type ListenerFilter,
  type RouteConfiguration,
} from '../../core/xds/generated/envoy.js'
import {
  METADATA,
  METADATA_LOWER_CASE_FIELDS,
  METADATA_PATH_PARAMETERS,
  METADATA_SANITIZE_FORWARDED,
} from '../../core/contract.ts'
import type { HeadRules } from '../model/head-rules.ts'
import type { MeshClient } from './client.ts'
import { pings } from './keep-alive.ts'
import { SHARED_DEFAULTS, type WorkloadLimits } from '../model/workload-limits.ts'
import { areSafe, PATHS_AS_THEY_COME, SAFE_PATHS, type PathRules } from '../model/path-rules.ts'

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
  /** Before those that forward. */
  readonly filters: readonly HttpFilter[]
  /** Share of requests that begin a sampled trace when their caller decided nothing, 0 to 100. */
  readonly samplingPercent: number
  /** Undefined: the client's own default stands. */
  readonly paths: PathRules | undefined
  readonly limits: WorkloadLimits
  readonly heads: HeadRules
}

export function httpConnectionManager(options: HttpOptions): HttpConnectionManager {
  const { statPrefix, routes, inbound, filters, samplingPercent, paths, limits, heads } = options
  const { headerKib, idleMs, requestHeadersMs } = { ...SHARED_DEFAULTS, ...limits }
  return {
    codecType: 'AUTO',
    statPrefix,
    ...('rds' in routes
      ? { rds: { configSource: { ads: {}, resourceApiVersion: 'V3' }, routeConfigName: routes.rds } }
      : { routeConfig: routes }),
    httpFilters: [
      ...filters,
      ...bodyLimit(limits),
      { name: 'envoy.filters.http.router', typedConfig: packAny(Router, {}) },
    ],
    tracing: { randomSampling: { value: samplingPercent } },
    commonHttpProtocolOptions: { idleTimeout: idleMs, ...headerCount(limits) },
    http2ProtocolOptions: { maxConcurrentStreams: MAX_STREAMS, ...(inbound ? pings(limits) : {}) },
    maxRequestHeadersKb: headerKib,
    // Long streams may be quiet for as long as they like.
    streamIdleTimeout: 0,
    requestHeadersTimeout: requestHeadersMs,
    ...(limits.requestMs === undefined ? {} : { requestTimeout: limits.requestMs }),
    ...(paths ? pathFields(paths) : {}),
    ...forwardedFields(heads),
    // Who called is told by the certificate alone; what the caller says about it is dropped.
    ...(inbound
      ? { forwardClientCertDetails: 'SANITIZE_SET', setCurrentClientCertDetails: { uri: true } }
      : { forwardClientCertDetails: 'SANITIZE' }),
  }
}

// A sidecar of the version before knows neither field, and would refuse the resource: only where somebody asked for it.

/** `max_headers_count`, unless it is what is done anyway. */
export function headerCount({ headerFields }: WorkloadLimits): Pick<HttpProtocolOptions, 'maxHeadersCount'> {
  return headerFields === undefined ? {} : { maxHeadersCount: headerFields }
}

function bodyLimit({ requestBytes }: WorkloadLimits): HttpFilter[] {
  if (requestBytes === undefined) return []
  const typedConfig = packAny(BufferFilter, { maxRequestBytes: requestBytes })
  return [{ name: 'envoy.filters.http.buffer', typedConfig }]
}

// What a Weft proxy takes for `guard` while it normalizes, Envoy takes for `keep`.
const ESCAPED_SLASHES = {
  guard: 'IMPLEMENTATION_SPECIFIC_DEFAULT',
  keep: 'KEEP_UNCHANGED',
  reject: 'REJECT_REQUEST',
  redirect: 'UNESCAPE_AND_REDIRECT',
  unescape: 'UNESCAPE_AND_FORWARD',
} as const

/** What a client is told of `rules`: nothing where they are what it does anyway. */
export function saidPaths(client: MeshClient, rules: PathRules): PathRules | undefined {
  return client.takes.safePaths && areSafe(rules) ? undefined : rules
}

function pathFields({
  normalize,
  escapedSlashes,
}: PathRules): Pick<
  HttpConnectionManager,
  'normalizePath' | 'mergeSlashes' | 'pathWithEscapedSlashesAction'
> {
  return {
    normalizePath: normalize,
    mergeSlashes: normalize,
    pathWithEscapedSlashesAction: ESCAPED_SLASHES[escapedSlashes],
  }
}

/** One hop of the mesh, an ingress, is believed where what callers say is kept: it says how TLS ended before the mesh. */
function forwardedFields({
  forwarded,
}: HeadRules): Pick<HttpConnectionManager, 'useRemoteAddress' | 'xffNumTrustedHops'> {
  if (forwarded === 'off') return {}
  return { useRemoteAddress: true, ...(forwarded === 'append' ? { xffNumTrustedHops: 1 } : {}) }
}

/** What Envoy has no field for, a listener's metadata tells, where it is not what Weft's proxy does anyway. */
export function metadataOf(
  { normalize, parameters }: PathRules,
  { fieldCase, forwarded }: HeadRules,
): Pick<Listener, 'metadata'> {
  const preset = normalize ? SAFE_PATHS : PATHS_AS_THEY_COME
  const said = {
    ...(parameters === preset.parameters ? {} : { [METADATA_PATH_PARAMETERS]: parameters }),
    ...(fieldCase === 'lower' ? { [METADATA_LOWER_CASE_FIELDS]: true } : {}),
    ...(forwarded === 'sanitize' ? { [METADATA_SANITIZE_FORWARDED]: true } : {}),
  }
  return Object.keys(said).length > 0 ? { metadata: { filterMetadata: { [METADATA]: said } } } : {}
}

export function httpFilter(options: HttpOptions): Filter {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typedConfig: packAny(HttpConnectionManager, httpConnectionManager(options)),
  }
}

export function tcpFilter(
  statPrefix: string,
  cluster: string,
  { idleMs = SHARED_DEFAULTS.idleMs }: WorkloadLimits,
): Filter {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typedConfig: packAny(TcpProxy, { statPrefix, cluster, idleTimeout: idleMs }),
  }
}
