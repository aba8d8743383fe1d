import type { AnyValue } from '../../../core/xds/any.ts'
import type { MessageType } from '../../../core/xds/codec.ts'
import {
  AdaptiveConcurrency,
  Buffer as BufferFilter,
  ConnectionLimit,
  CookieBasedSessionState,
  Cors,
  CorsPolicy,
  DownstreamTlsContext,
  HTTPFault,
  HeaderBasedSessionState,
  HttpConnectionManager,
  HttpInspector,
  LocalRateLimit,
  OriginalDst,
  PreserveCaseFormatterConfig,
  PreviousHostsPredicate,
  ProxyProtocolUpstreamTransport,
  RawBuffer,
  Router,
  StatefulSession,
  StatefulSessionPerRoute,
  TcpProxy,
  TlsInspector,
  UpstreamHttpOptions,
  UpstreamTlsContext,
  type Bootstrap,
  type Cluster,
  type ConfigSource,
  type FilterChain,
  type HeaderValueOption,
  type Listener,
  type RouteConfiguration,
  type TransportSocket,
} from '../../../core/xds/generated/envoy.js'
import { typeUrl } from '../../../core/xds/type-urls.ts'
import { newRoot, secretsOf } from '../../testing/mesh-identity.ts'

// Good bootstraps that hold, together, every field of the table of what is served (core/xds/served). Anys are
// unpacked, so that any field can be changed where it stands.

const { certificatePem, privateKeyPem, bundlePem } = secretsOf(newRoot(), 'base')
const ADS: ConfigSource = { ads: {}, resourceApiVersion: 'V3' }
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

function any<T extends object>(type: MessageType<T>, message: T): AnyValue {
  return { typeUrl: typeUrl(type), unpacked: { type, message } }
}

const PRESERVE_CASE = { name: 'preserve_case', typedConfig: any(PreserveCaseFormatterConfig, {}) }

function address(portValue: number) {
  return { socketAddress: { protocol: 'TCP', address: '127.0.0.1', portValue } } as const
}

const SET: HeaderValueOption = {
  header: { key: 'x-set', value: 'a' },
  appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD',
}
const EMPTY: HeaderValueOption = {
  header: { key: 'x-empty', value: '' },
  appendAction: 'APPEND_IF_EXISTS_OR_ADD',
  keepEmptyValue: true,
}
const HEADERS = {
  requestHeadersToAdd: [SET, EMPTY],
  requestHeadersToRemove: ['x-gone'],
  responseHeadersToAdd: [SET],
  responseHeadersToRemove: ['x-gone'],
}
const percent = (numerator: number) => ({ numerator, denominator: 'TEN_THOUSAND' }) as const
const FAULT: HTTPFault = {
  delay: { fixedDelay: 10, percentage: percent(5) },
  abort: { httpStatus: 503, percentage: percent(5) },
  headers: [{ name: 'x-fault', exactMatch: 'a' }],
  maxActiveFaults: 3,
}
const RATE_LIMIT: LocalRateLimit = {
  statPrefix: 'a',
  status: { code: 'ServiceUnavailable' },
  tokenBucket: { maxTokens: 10, tokensPerFill: 2, fillInterval: 1000 },
  filterEnabled: { defaultValue: percent(50) },
  filterEnforced: { defaultValue: percent(50) },
  responseHeadersToAdd: [SET],
  enableXRatelimitHeaders: 'DRAFT_VERSION_03',
  rateLimitedAsResourceExhausted: true,
  descriptors: [
    {
      entries: [{ key: 'user', value: 'a' }],
      tokenBucket: { maxTokens: 10, tokensPerFill: 2, fillInterval: 1000 },
    },
  ],
  alwaysConsumeDefaultTokenBucket: false,
}
const RATE_LIMITS = {
  rateLimits: [
    {
      actions: [
        { requestHeaders: { headerName: 'x-user', descriptorKey: 'user', skipIfAbsent: true } },
        { remoteAddress: {} },
        { genericKey: { descriptorValue: 'a', descriptorKey: 'b' } },
        {
          headerValueMatch: {
            descriptorValue: 'a',
            descriptorKey: 'b',
            expectMatch: false,
            headers: [{ name: 'x-beta', exactMatch: 'a' }],
          },
        },
      ],
    },
  ],
}
const FAULT_FILTER = { name: 'fault', typedConfig: any(HTTPFault, FAULT) }
const RATE_LIMIT_FILTER = { name: 'limit', typedConfig: any(LocalRateLimit, RATE_LIMIT) }
const ADAPTIVE_FILTER = {
  name: 'adaptive',
  typedConfig: any(AdaptiveConcurrency, {
    gradientControllerConfig: {
      sampleAggregatePercentile: { value: 60 },
      concurrencyLimitParams: { maxConcurrencyLimit: 200, concurrencyUpdateInterval: 200 },
      minRttCalcParams: {
        interval: 30_000,
        requestCount: 40,
        jitter: { value: 10 },
        minConcurrency: 20,
        buffer: { value: 20 },
      },
    },
    concurrencyLimitExceededStatus: { code: 'TooManyRequests' },
  }),
}
const BUFFER_FILTER = { name: 'buffer', typedConfig: any(BufferFilter, { maxRequestBytes: 1000 }) }
const CORS_FILTER = { name: 'cors', typedConfig: any(Cors, {}) }
const CORS: CorsPolicy = {
  allowOriginStringMatch: [{ exact: 'https://shop.example' }],
  allowMethods: 'GET',
  allowHeaders: 'x-a',
  exposeHeaders: 'x-b',
  maxAge: '5',
  allowCredentials: true,
  forwardNotMatchingPreflights: false,
}
const cookie = { name: 'session', ttl: 60_000, path: '/a' }
const COOKIE_SESSION: StatefulSession = {
  sessionState: { name: 'route a', typedConfig: any(CookieBasedSessionState, { cookie }) },
}
const HEADER_SESSION: StatefulSession = {
  sessionState: { name: 'route b', typedConfig: any(HeaderBasedSessionState, { name: 'x-session' }) },
}
const SESSION_FILTER = { name: 'session', typedConfig: any(StatefulSession, HEADER_SESSION) }
const ROUTER = { name: 'router', typedConfig: any(Router, {}) }
const CONNECTION_LIMIT = {
  name: 'limit',
  typedConfig: any(ConnectionLimit, { statPrefix: 'a', maxConnections: 10n, delay: 10 }),
}
const KEEP_ALIVE = { interval: 2000, timeout: 1000 }
const regex = (text: string) => ({ regex: text })

const ROUTES: RouteConfiguration = {
  name: 'routes',
  validateClusters: true,
  virtualHosts: [
    {
      name: 'shop',
      domains: ['shop.example'],
      ...RATE_LIMITS,
      routes: [
        {
          name: 'prefix',
          match: {
            prefix: '/a',
            caseSensitive: true,
            grpc: {},
            headers: [
              { name: 'a', exactMatch: 'a', invertMatch: true },
              { name: 'b', prefixMatch: 'b' },
              { name: 'c', suffixMatch: 'c' },
              { name: 'd', containsMatch: 'd' },
              { name: 'e', presentMatch: true },
              { name: 'f', safeRegexMatch: regex('f'), treatMissingHeaderAsEmpty: true },
              { name: 'g', stringMatch: { exact: 'g' } },
              { name: 'h', stringMatch: { prefix: 'h' } },
              { name: 'i', stringMatch: { suffix: 'i' } },
              { name: 'j', stringMatch: { contains: 'j' } },
              { name: 'k', stringMatch: { safeRegex: regex('k') } },
            ],
            queryParameters: [
              { name: 'a', stringMatch: { exact: 'a' } },
              { name: 'b', presentMatch: true },
            ],
          },
          route: {
            cluster: 'static',
            timeout: 2000,
            prefixRewrite: '/b',
            hostRewriteLiteral: 'host',
            retryPolicy: {
              retryOn: 'connect-failure,retriable-status-codes',
              numRetries: 2,
              perTryTimeout: 500,
              retriableStatusCodes: [503],
              retryBackOff: { baseInterval: 10, maxInterval: 100 },
              retryHostPredicate: [
                {
                  name: 'envoy.retry_host_predicates.previous_hosts',
                  typedConfig: any(PreviousHostsPredicate, {}),
                },
              ],
            },
            requestMirrorPolicies: [
              {
                cluster: 'dns',
                runtimeFraction: { defaultValue: { numerator: 5, denominator: 'TEN_THOUSAND' } },
                disableShadowHostSuffixAppend: true,
              },
            ],
            upgradeConfigs: [{ upgradeType: 'websocket', enabled: true }],
            hashPolicy: [
              { header: { headerName: 'x-user' }, terminal: true },
              { cookie: { name: 'user', ttl: 60_000, path: '/' } },
              { queryParameter: { name: 'user' } },
              { connectionProperties: { sourceIp: true } },
            ],
            ...RATE_LIMITS,
            includeVhRateLimits: true,
          },
          metadata: {
            filterMetadata: {
              'weft.dev': {
                retryNonIdempotent: true,
                failover: true,
                hedge: { afterMs: 50, max: 2 },
                sessionAbsoluteMs: 60_000,
                sessionIdleMs: 5000,
              },
            },
          },
          typedPerFilterConfig: {
            asked: any(HTTPFault, {
              delay: { headerDelay: {}, percentage: percent(5) },
              abort: { headerAbort: {}, percentage: percent(5) },
            }),
            cors: any(CorsPolicy, CORS),
            fault: any(HTTPFault, { abort: { grpcStatus: 14, percentage: percent(5) } }),
            limit: any(LocalRateLimit, RATE_LIMIT),
            session: any(StatefulSessionPerRoute, { statefulSession: COOKIE_SESSION }),
          },
          ...HEADERS,
        },
        {
          match: { path: '/exact' },
          typedPerFilterConfig: { session: any(StatefulSessionPerRoute, { disabled: true }) },
          route: {
            weightedClusters: { clusters: [{ name: 'static', weight: 90, ...HEADERS }] },
            regexRewrite: { pattern: regex('^/exact'), substitution: '/new' },
            retryPolicy: { retryOn: '5xx', numRetries: 2, perTryTimeout: 500 },
            hedgePolicy: { hedgeOnPerTryTimeout: true },
          },
        },
        {
          match: { safeRegex: regex('/r.*') },
          redirect: {
            httpsRedirect: true,
            hostRedirect: 'host',
            portRedirect: 8443,
            pathRedirect: '/new',
            responseCode: 'FOUND',
          },
        },
        {
          match: { pathSeparatedPrefix: '/s' },
          redirect: { schemeRedirect: 'https', prefixRewrite: '/t' },
        },
        {
          match: { connectMatcher: {} },
          directResponse: { status: 404, body: { inlineString: 'no such shop' } },
        },
      ],
    },
  ],
}

const DOWNSTREAM: DownstreamTlsContext = {
  requireClientCertificate: true,
  disableStatelessSessionResumption: true,
  disableStatefulSessionResumption: true,
  commonTlsContext: {
    tlsParams: { tlsMinimumProtocolVersion: 'TLSv1_2', tlsMaximumProtocolVersion: 'TLSv1_3' },
    tlsCertificates: [
      {
        certificateChain: { inlineBytes: bytes(certificatePem) },
        privateKey: { inlineString: privateKeyPem },
      },
    ],
    validationContext: {
      trustedCa: { inlineString: bundlePem },
      matchTypedSubjectAltNames: [
        { sanType: 'URI', matcher: { exact: 'spiffe://cluster.local/ns/a/sa/b' } },
        { sanType: 'DNS', matcher: { prefix: 'a.' } },
      ],
    },
    alpnProtocols: ['h2'],
  },
}

const OWN_IDENTITY: UpstreamTlsContext = {
  sni: 'shop.example',
  maxSessionKeys: 0,
  commonTlsContext: {
    tlsCertificateSdsSecretConfigs: [{ name: 'default' }],
    combinedValidationContext: {
      defaultValidationContext: {
        matchTypedSubjectAltNames: [{ sanType: 'URI', matcher: { prefix: 'spiffe://cluster.local/' } }],
      },
      validationContextSdsSecretConfig: { name: 'ROOTCA' },
    },
  },
}
const BUNDLE_ALONE: UpstreamTlsContext = {
  commonTlsContext: { validationContextSdsSecretConfig: { name: 'ROOTCA' } },
}
const FROM_FILES: UpstreamTlsContext = {
  commonTlsContext: {
    tlsCertificates: [{ certificateChain: { filename: 'chain' }, privateKey: { filename: 'key' } }],
  },
}
/** What FROM_FILES names. */
export const FILES: Readonly<Record<string, string>> = { chain: certificatePem, key: privateKeyPem }

const upstream = (context: UpstreamTlsContext) => ({
  name: 'tls',
  typedConfig: any(UpstreamTlsContext, context),
})
const RAW = { name: 'raw', typedConfig: any(RawBuffer, {}) }
const proxyProtocol = (transportSocket: TransportSocket) => ({
  name: 'proxy-protocol',
  typedConfig: any(ProxyProtocolUpstreamTransport, { config: { version: 'V2' }, transportSocket }),
})

const chain = (manager: HttpConnectionManager, more: FilterChain = {}): FilterChain => ({
  filters: [{ name: 'hcm', typedConfig: any(HttpConnectionManager, manager) }],
  ...more,
})
const tcp = (proxy: TcpProxy, more: FilterChain = {}): FilterChain => ({
  filters: [{ name: 'tcp', typedConfig: any(TcpProxy, proxy) }],
  ...more,
})
/** With a limit before its last filter. */
const limited = (one: FilterChain): FilterChain => ({
  ...one,
  filters: [CONNECTION_LIMIT, ...(one.filters ?? [])],
})

const LISTENERS: readonly Listener[] = [
  {
    name: 'front',
    address: address(8080),
    metadata: {
      filterMetadata: {
        'weft.dev': {
          pathParameters: 'keep',
          keepHalfClosed: true,
          lowerCaseFields: true,
          sanitizeForwarded: true,
          priorityHeader: 'x-priority',
        },
      },
    },
    bindToPort: true,
    trafficDirection: 'OUTBOUND',
    useOriginalDst: true,
    listenerFilters: [
      { name: 'tls_inspector', typedConfig: any(TlsInspector, {}) },
      { name: 'http_inspector', typedConfig: any(HttpInspector, {}) },
    ],
    listenerFiltersTimeout: 1000,
    continueOnListenerFiltersTimeout: true,
    filterChains: [
      chain(
        {
          codecType: 'HTTP2',
          statPrefix: 'front',
          rds: { configSource: ADS, routeConfigName: 'routes' },
          httpFilters: [
            ADAPTIVE_FILTER,
            BUFFER_FILTER,
            CORS_FILTER,
            FAULT_FILTER,
            RATE_LIMIT_FILTER,
            SESSION_FILTER,
            ROUTER,
          ],
          normalizePath: true,
          mergeSlashes: true,
          pathWithEscapedSlashesAction: 'REJECT_REQUEST',
          tracing: { randomSampling: { value: 40 }, overallSampling: { value: 50 } },
          commonHttpProtocolOptions: { idleTimeout: 1000, maxHeadersCount: 50 },
          http2ProtocolOptions: { maxConcurrentStreams: 100, connectionKeepalive: KEEP_ALIVE },
          maxRequestHeadersKb: 10,
          streamIdleTimeout: 1000,
          requestHeadersTimeout: 1000,
          requestTimeout: 1000,
          useRemoteAddress: true,
          xffNumTrustedHops: 1,
          skipXffAppend: true,
          forwardClientCertDetails: 'SANITIZE_SET',
          setCurrentClientCertDetails: { uri: true },
        },
        {
          name: 'http',
          filterChainMatch: {
            destinationPort: 80,
            serverNames: ['shop.example'],
            transportProtocol: 'tls',
            applicationProtocols: ['h2'],
          },
          transportSocket: { name: 'tls', typedConfig: any(DownstreamTlsContext, DOWNSTREAM) },
        },
      ),
      chain(
        {
          statPrefix: 'front',
          routeConfig: ROUTES,
          httpFilters: [ROUTER],
          httpProtocolOptions: { headerKeyFormat: { statefulFormatter: PRESERVE_CASE } },
        },
        { name: 'as-written' },
      ),
    ],
    defaultFilterChain: limited(
      tcp(
        { statPrefix: 'front', cluster: 'static', idleTimeout: 1000 },
        { name: 'default', transportSocket: RAW },
      ),
    ),
  },
  {
    name: 'captured',
    address: address(8081),
    listenerFilters: [{ name: 'original_dst', typedConfig: any(OriginalDst, {}) }],
    filterChains: [
      chain({
        statPrefix: 'captured',
        routeConfig: ROUTES,
        httpFilters: [ROUTER],
        tracing: { randomSampling: { value: 90 }, overallSampling: { value: 30 } },
      }),
    ],
    defaultFilterChain: tcp({
      statPrefix: 'captured',
      weightedClusters: { clusters: [{ name: 'static', weight: 3 }] },
    }),
  },
]

const CLUSTERS: readonly Cluster[] = [
  {
    name: 'static',
    type: 'STATIC',
    connectTimeout: 1000,
    lbPolicy: 'LEAST_REQUEST',
    dnsLookupFamily: 'ALL',
    loadAssignment: {
      clusterName: 'static',
      endpoints: [
        {
          locality: { region: 'west', zone: 'west-1', subZone: 'west-1-a' },
          priority: 1,
          loadBalancingWeight: 5,
          lbEndpoints: [
            {
              endpoint: { address: address(9000) },
              healthStatus: 'DRAINING',
              loadBalancingWeight: 3,
              metadata: {
                filterMetadata: {
                  'envoy.transport_socket_match': { tlsMode: 'weft' },
                  'weft.dev': { identity: 'spiffe://cluster.local/ns/a/sa/b', workload: 'b-1.a' },
                },
              },
            },
          ],
        },
      ],
    },
    circuitBreakers: {
      thresholds: [
        {
          priority: 'DEFAULT',
          maxConnections: 10,
          maxPendingRequests: 10,
          maxRequests: 10,
          maxRetries: 10,
          retryBudget: { budgetPercent: { value: 30 }, minRetryConcurrency: 5 },
        },
      ],
    },
    healthChecks: [
      {
        timeout: 1000,
        interval: 5000,
        intervalJitter: 100,
        unhealthyThreshold: 3,
        healthyThreshold: 2,
        noTrafficInterval: 30_000,
        unhealthyInterval: 2000,
        httpHealthCheck: {
          host: 'shop',
          path: '/healthz',
          method: 'HEAD',
          expectedStatuses: [{ start: 200n, end: 300n }],
        },
      },
    ],
    outlierDetection: {
      consecutive5xx: 4,
      enforcingConsecutive5xx: 90,
      consecutiveGatewayFailure: 3,
      enforcingConsecutiveGatewayFailure: 80,
      interval: 5000,
      baseEjectionTime: 20_000,
      maxEjectionTime: 200_000,
      maxEjectionPercent: 40,
      enforcingSuccessRate: 70,
      successRateMinimumHosts: 4,
      successRateRequestVolume: 90,
      successRateStdevFactor: 1800,
      failurePercentageThreshold: 60,
      enforcingFailurePercentage: 50,
      failurePercentageMinimumHosts: 3,
      failurePercentageRequestVolume: 40,
    },
    typedExtensionProtocolOptions: {
      [UpstreamHttpOptions.typeName]: any(UpstreamHttpOptions, {
        commonHttpProtocolOptions: { idleTimeout: 1000, maxHeadersCount: 50 },
        explicitHttpConfig: { http2ProtocolOptions: { connectionKeepalive: KEEP_ALIVE } },
      }),
    },
    transportSocket: RAW,
    transportSocketMatches: [
      { name: 'weft', match: { tlsMode: 'weft' }, transportSocket: upstream(OWN_IDENTITY) },
      { name: 'told', match: { tlsMode: 'told' }, transportSocket: proxyProtocol(upstream(OWN_IDENTITY)) },
    ],
    upstreamConnectionOptions: {
      tcpKeepalive: { keepaliveProbes: 3, keepaliveTime: 60, keepaliveInterval: 20 },
    },
    commonLbConfig: {
      healthyPanicThreshold: { value: 40 },
      zoneAwareLbConfig: { routingEnabled: { value: 90 }, minClusterSize: 3n },
    },
    metadata: {
      filterMetadata: {
        'weft.dev': {
          service: 'b.a',
          maxResponseHeadersKb: 10,
          peakEwma: {
            decayMs: 5000,
            penaltyMs: 1000,
            slowStartMs: 2000,
            aggression: 2,
            minWeightPercent: 20,
          },
          outlier: { statuses: [429], grpcStatuses: [14] },
          clientAffinityMs: 1000,
        },
      },
    },
  },
  {
    name: 'dns',
    type: 'STRICT_DNS',
    loadAssignment: {
      clusterName: 'dns',
      endpoints: [{ lbEndpoints: [{ endpoint: { address: address(9001) } }] }],
    },
    lbPolicy: 'LEAST_REQUEST',
    leastRequestLbConfig: {
      choiceCount: 3,
      activeRequestBias: { defaultValue: 2 },
      slowStartConfig: {
        slowStartWindow: 10,
        aggression: { defaultValue: 2 },
        minWeightPercent: { value: 5 },
      },
    },
    commonHttpProtocolOptions: { idleTimeout: 1000, maxHeadersCount: 50 },
    http2ProtocolOptions: { connectionKeepalive: KEEP_ALIVE },
    healthChecks: [
      { timeout: 1000, interval: 5000, unhealthyThreshold: 3, healthyThreshold: 2, tcpHealthCheck: {} },
    ],
    transportSocket: upstream(BUNDLE_ALONE),
  },
  {
    name: 'eds',
    type: 'EDS',
    healthChecks: [
      {
        timeout: 1000,
        interval: 5000,
        unhealthyThreshold: 3,
        healthyThreshold: 2,
        grpcHealthCheck: { serviceName: 'echo', authority: 'shop' },
      },
    ],
    edsClusterConfig: { edsConfig: ADS, serviceName: 'service' },
    lbPolicy: 'RING_HASH',
    ringHashLbConfig: { minimumRingSize: 64n, maximumRingSize: 1024n },
    commonLbConfig: { localityWeightedLbConfig: {} },
    typedExtensionProtocolOptions: {
      [UpstreamHttpOptions.typeName]: any(UpstreamHttpOptions, {
        useDownstreamProtocolConfig: {
          httpProtocolOptions: {},
          http2ProtocolOptions: { connectionKeepalive: KEEP_ALIVE },
        },
      }),
    },
  },
  {
    name: 'maglev',
    type: 'EDS',
    edsClusterConfig: { edsConfig: ADS },
    lbPolicy: 'MAGLEV',
    maglevLbConfig: { tableSize: 251n },
  },
  {
    name: 'turns',
    type: 'EDS',
    edsClusterConfig: { edsConfig: ADS },
    lbPolicy: 'ROUND_ROBIN',
    roundRobinLbConfig: { slowStartConfig: { slowStartWindow: 20 } },
  },
  {
    name: 'original-dst',
    type: 'ORIGINAL_DST',
    lbPolicy: 'CLUSTER_PROVIDED',
    transportSocket: proxyProtocol(RAW),
    typedExtensionProtocolOptions: {
      [UpstreamHttpOptions.typeName]: any(UpstreamHttpOptions, {
        explicitHttpConfig: { httpProtocolOptions: {} },
      }),
    },
  },
]

const FILE: Bootstrap = {
  node: {
    id: 'a',
    cluster: 'b',
    metadata: { NAMESPACE: 'shop' },
    locality: { region: 'west', zone: 'west-1', subZone: 'west-1-a' },
  },
  admin: { address: address(15_000) },
  dynamicResources: {
    adsConfig: {
      apiType: 'DELTA_GRPC',
      transportApiVersion: 'V3',
      grpcServices: [{ envoyGrpc: { clusterName: 'dns' } }],
    },
    ldsConfig: ADS,
    cdsConfig: ADS,
  },
}

/** One bootstrap a resource, beside the cluster that its server is behind: a change is seen in a small file. */
export const BASES: readonly Bootstrap[] = [
  ...LISTENERS.map((listener) => ({
    ...FILE,
    staticResources: { listeners: [listener], clusters: CLUSTERS.slice(1, 2) },
  })),
  ...CLUSTERS.filter(({ name }) => name !== 'dns').map((cluster) => ({
    ...FILE,
    staticResources: { clusters: [cluster, ...CLUSTERS.slice(1, 2)] },
  })),
]

/** What a server may not send: it names files. */
export const FILES_BASE: Bootstrap = {
  staticResources: {
    listeners: [
      { name: 'front', address: address(8080), defaultFilterChain: tcp({ statPrefix: 'a', cluster: 'a' }) },
    ],
    clusters: [
      {
        name: 'a',
        loadAssignment: { clusterName: 'a' },
        transportSocket: upstream(FROM_FILES),
      },
    ],
  },
}
