import type { Cluster } from '../../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../../core/xds/well-known.ts'
import type { PortProtocol } from '../../model/protocol.ts'
import type { TrafficSettings } from '../../model/traffic-settings.ts'
import type { ClientTakes } from '../client-takes.ts'
import { balancing, peakEwma } from './balancing.ts'
import { circuitBreakers } from './circuit-breakers.ts'
import { healthChecks } from './health-checks.ts'
import { outlierDetection, outlierStatuses } from './outlier-detection.ts'

/** Fields of a Service's cluster that a policy decides; `service` is `name.namespace`. */
export function clusterTraffic(
  settings: TrafficSettings,
  { service, protocol, takes }: { service: string; protocol: PortProtocol; takes: ClientTakes },
): Partial<Cluster> {
  return {
    ...balancing(settings.loadBalancing, takes),
    ...circuitBreakers(settings),
    ...outlierDetection(settings.outlierDetection),
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
