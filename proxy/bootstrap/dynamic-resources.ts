import type { Bootstrap_DynamicResources as WireDynamic } from '../../core/xds/generated/envoy.js'
import type { Cluster } from '../model/cluster.ts'
import type { UpstreamTls } from '../model/tls.ts'
import type { Problems } from './problems.ts'

/** envoy.config.bootstrap.v3.Bootstrap.DynamicResources: one aggregated stream (ADS) of protocol version 3. */
export interface DynamicResources {
  /** Name of the static cluster that the control plane answers behind. */
  readonly adsCluster: string
  readonly address: { readonly host: string; readonly port: number }
  /** Undefined: plaintext. */
  readonly tls: UpstreamTls | undefined
  /** SPIFFE ID that must answer, or ''. */
  readonly identity: string
  readonly connectTimeoutMs: number
  readonly apiType: 'delta_grpc' | 'grpc'
  /** Whether lds_config and cds_config ask for every listener and cluster of this node. */
  readonly listeners: boolean
  readonly clusters: boolean
}

const ADS = 'dynamic_resources.ads_config'

/** Undefined after a problem. */
export function readDynamicResources(
  wire: WireDynamic,
  clusters: readonly Cluster[],
  problems: Problems,
): DynamicResources | undefined {
  const services = wire.adsConfig?.grpcServices ?? []
  if (services.length > 1) {
    problems.add(
      `${ADS}.grpc_services[1]`,
      'is not supported: name one cluster, with several endpoints behind its name',
    )
    return undefined
  }
  const name = services[0]?.envoyGrpc?.clusterName ?? ''
  const path = `${ADS}.grpc_services[0].envoy_grpc.cluster_name`
  const index = clusters.findIndex((one) => one.name === name)
  const cluster = clusters[index]
  if (!cluster) {
    problems.add(path, `there is no cluster "${name}" in static_resources: add it`)
    return undefined
  }
  const { discovery } = cluster
  const endpoints = discovery.kind === 'static' || discovery.kind === 'dns' ? discovery.endpoints : []
  const [endpoint] = endpoints
  if (!endpoint || endpoints.length > 1) {
    problems.add(path, `the cluster "${name}" must be STATIC or STRICT_DNS with exactly one endpoint`)
    return undefined
  }
  if (cluster.http !== 'http2') {
    const option = 'explicit_http_config: {http2_protocol_options: {}} in typed_extension_protocol_options'
    problems.add(`static_resources.clusters[${index}]`, `carries gRPC and needs ${option}`)
    return undefined
  }
  return Object.freeze({
    adsCluster: name,
    address: { host: endpoint.address, port: endpoint.port },
    tls: cluster.tls,
    identity: endpoint.identity,
    connectTimeoutMs: cluster.connectTimeoutMs,
    apiType: wire.adsConfig?.apiType === 'DELTA_GRPC' ? 'delta_grpc' : 'grpc',
    listeners: wire.ldsConfig !== undefined,
    clusters: wire.cdsConfig !== undefined,
  })
}
