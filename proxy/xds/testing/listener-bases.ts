import {
  DownstreamTlsContext,
  HttpConnectionManager,
  HttpInspector,
  OriginalDst,
  TcpProxy,
  TlsInspector,
  type FilterChain,
  type Listener,
} from '../../../core/xds/generated/envoy.js'
import { ADS, address, any, bundlePem, bytes, certificatePem, privateKeyPem } from './base-parts.ts'
import { RAW } from './cluster-bases.ts'
import { HTTP_RBAC_FILTER, NETWORK_RBAC_FILTER } from './rbac-base.ts'
import {
  ADAPTIVE_FILTER,
  BUFFER_FILTER,
  CONNECTION_LIMIT,
  CORS_FILTER,
  FAULT_FILTER,
  JWT_FILTER,
  KEEP_ALIVE,
  PRESERVE_CASE,
  RATE_LIMIT_FILTER,
  ROUTER,
  ROUTES,
  SESSION_FILTER,
} from './route-base.ts'

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

export const chain = (manager: HttpConnectionManager, more: FilterChain = {}): FilterChain => ({
  filters: [{ name: 'hcm', typedConfig: any(HttpConnectionManager, manager) }],
  ...more,
})
export const tcp = (proxy: TcpProxy, more: FilterChain = {}): FilterChain => ({
  filters: [{ name: 'tcp', typedConfig: any(TcpProxy, proxy) }],
  ...more,
})
/** With a limit before its last filter. */
const limited = (one: FilterChain): FilterChain => ({
  ...one,
  filters: [CONNECTION_LIMIT, ...(one.filters ?? [])],
})

export const LISTENERS: readonly Listener[] = [
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
          trust: {
            names: ['cluster.local', 'old.local'],
            federated: { 'partner.example': bundlePem },
            revoked: { identities: ['spiffe://cluster.local/ns/a/sa/b'], serials: ['1f'], fingerprints: [] },
          },
          openConnectionsMs: 2000,
          audit: 'Denied',
          telemetry: {
            'trace-sampling': '0.5',
            'access-log': 'all',
            'access-log-filter': 'status>=500 or duration>1s',
          },
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
            JWT_FILTER,
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
  {
    name: 'guarded',
    address: address(8082),
    filterChains: [
      {
        filters: [
          NETWORK_RBAC_FILTER,
          { name: 'tcp', typedConfig: any(TcpProxy, { statPrefix: 'guarded', cluster: 'static' }) },
        ],
      },
    ],
    defaultFilterChain: chain({
      statPrefix: 'guarded',
      rds: { configSource: ADS, routeConfigName: 'routes' },
      httpFilters: [HTTP_RBAC_FILTER, ROUTER],
    }),
  },
]
