import type { Cluster } from '../../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../../core/xds/well-known.ts'
import type { Nearness } from '../../model/mesh.ts'
import type { PortProtocol } from '../../model/protocol.ts'
import type { TrafficSettings } from '../../model/traffic-settings.ts'
import type { ClientTakes } from '../client-takes.ts'
import { outlierStatuses } from '../outlier.ts'
import { balancing, peakEwma } from './balancing.ts'
import { circuitBreakers } from './circuit-breakers.ts'
import { healthChecks } from './health-checks.ts'

/** Whose cluster it is. */
export interface ClusterPlace {
  /** `name.namespace` */
  readonly service: string
  readonly protocol: PortProtocol
  readonly nearness: Nearness | undefined
  readonly takes: ClientTakes
}

/** Fields of a Service's cluster that a policy decides, or the Service. */
export function clusterTraffic(
  settings: TrafficSettings,
  { service, protocol, nearness, takes }: ClusterPlace,
): Partial<Cluster> {
  return {
    ...balancing(settings.loadBalancing, nearness, takes),
    ...circuitBreakers(settings),
    ...healthChecks(settings.healthCheck, { service, protocol, takes }),
  }
}

/** What of it xDS has no words for: keys of the cluster's metadata, for clients that read them. */
export function clusterMetadata(
  { loadBalancing, outlierDetection: outlier }: TrafficSettings,
  takes: ClientTakes,
): JsonObject {
  if (!takes.weftMetadata) return {}
  const statuses = takes.outlierDetection === 'none' ? {} : outlierStatuses(outlier)
  return { ...peakEwma(loadBalancing), ...statuses }
}
