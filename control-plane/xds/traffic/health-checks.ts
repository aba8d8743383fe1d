import type { Cluster, HealthCheck } from '../../../core/xds/generated/envoy.js'
import type { HealthCheckSettings } from '../../model/traffic-settings.ts'
import type { PortProtocol } from '../../model/protocol.ts'
import type { ClientTakes } from '../client-takes.ts'

/** Whose endpoints are asked, and by whom. */
interface Asked {
  /** `name.namespace` */
  readonly service: string
  readonly protocol: PortProtocol
  readonly takes: ClientTakes
}

/** `health_checks` of a cluster; the name of its Service is what stands in Host and :authority. */
export function healthChecks(
  settings: HealthCheckSettings | undefined,
  asked: Asked,
): Pick<Cluster, 'healthChecks'> {
  if (!settings || asked.takes.healthChecks === 'none') return {}
  const { intervalMs, timeoutMs, unhealthyThreshold, healthyThreshold } = settings
  return {
    healthChecks: [
      {
        timeout: timeoutMs,
        interval: intervalMs,
        unhealthyThreshold,
        healthyThreshold,
        ...probe(settings.probe, asked),
      },
    ],
  }
}

function probe(
  check: HealthCheckSettings['probe'],
  { service, protocol, takes }: Asked,
): Pick<HealthCheck, 'httpHealthCheck' | 'grpcHealthCheck' | 'tcpHealthCheck'> {
  const http2 = protocol === 'h2c' || protocol === 'grpc'
  switch (check.type) {
    case 'HTTP':
      return {
        httpHealthCheck: {
          host: service,
          path: check.path,
          // The end is not part of a range of Envoy's.
          expectedStatuses: check.expectedStatuses.map(({ start, end }) => ({
            start: BigInt(start),
            end: BigInt(end + 1),
          })),
          ...(http2 && takes.healthChecks === 'named-codec' ? { codecClientType: 'HTTP2' as const } : {}),
        },
      }
    case 'GRPC':
      return { grpcHealthCheck: { serviceName: check.service, authority: service } }
    case 'TCP':
      return { tcpHealthCheck: {} }
  }
}
