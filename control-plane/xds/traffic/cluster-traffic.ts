import type { Cluster } from '../../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../../core/xds/well-known.ts'
import type { PortProtocol } from '../../model/protocol.ts'
import type { TrafficSettings } from '../../model/traffic-settings.ts'
import type { ClientTakes } from '../client-takes.ts'
import { balancing, peakEwma } from './balancing.ts'
import { circuitBreakers } from './circuit-breakers.ts'
import { healthChecks } from './health-checks.ts'
import { outlierDetection, outlierStatuses } from './outlier-detection.ts'

/** Whose cluster it is. */
export interface ClusterPlace {
  /** `name.namespace` */
  readonly service: string
  readonly protocol: PortProtocol
  /** Endpoints that fail are left out: there may be others. */
  readonly ejects: boolean
  readonly takes: ClientTakes
}

/** Fields of a Service's cluster that a policy decides. */
export function clusterTraffic(
  settings: TrafficSettings,
  { service, protocol, ejects, takes }: ClusterPlace,
): Partial<Cluster> {
  return {
    ...balancing(settings.loadBalancing, takes),
    ...circuitBreakers(settings),
    ...(ejects ? outlierDetection(settings.outlierDetection, takes) : {}),
    ...(takes.healthChecks ? healthChecks(settings.healthCheck, protocol, service) : {}),
  }
}

/** What of it xDS has no words for: keys of the cluster's metadata, for clients that read them. */
export function clusterMetadata(
  { loadBalancing, outlierDetection: outlier }: TrafficSettings,
  takes: ClientTakes,
): JsonObject {
  if (!takes.weftMetadata) return {}
  return { ...(loadBalancing && peakEwma(loadBalancing)), ...(outlier && outlierStatuses(outlier)) }
}
