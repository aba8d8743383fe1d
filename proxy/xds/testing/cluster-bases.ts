import {
  ProxyProtocolUpstreamTransport,
  RawBuffer,
  UpstreamHttpOptions,
  UpstreamTlsContext,
  type Cluster,
  type TransportSocket,
} from '../../../core/xds/generated/envoy.js'
import { ADS, address, any, certificatePem, privateKeyPem } from './base-parts.ts'
import { KEEP_ALIVE } from './route-base.ts'

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
export const FROM_FILES: UpstreamTlsContext = {
  commonTlsContext: {
    tlsCertificates: [{ certificateChain: { filename: 'chain' }, privateKey: { filename: 'key' } }],
  },
}
/** What FROM_FILES names. */
export const FILES: Readonly<Record<string, string>> = { chain: certificatePem, key: privateKeyPem }

export const upstream = (context: UpstreamTlsContext) => ({
  name: 'tls',
  typedConfig: any(UpstreamTlsContext, context),
})
export const RAW = { name: 'raw', typedConfig: any(RawBuffer, {}) }
const proxyProtocol = (transportSocket: TransportSocket) => ({
  name: 'proxy-protocol',
  typedConfig: any(ProxyProtocolUpstreamTransport, { config: { version: 'V2' }, transportSocket }),
})

export const CLUSTERS: readonly Cluster[] = [
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
