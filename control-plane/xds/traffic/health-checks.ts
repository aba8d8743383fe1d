import type { Cluster, HealthCheck } from '../../../core/xds/generated/envoy.js'
import type { HealthCheckSettings } from '../../model/traffic-settings.ts'
import type { PortProtocol } from '../../model/protocol.ts'

/** `health_checks` of a cluster; `service` is what stands in Host and :authority, `name.namespace`. */
export function healthChecks(
  settings: HealthCheckSettings | undefined,
  protocol: PortProtocol,
  service: string,
): Pick<Cluster, 'healthChecks'> {
  if (!settings) return {}
  const { intervalMs, timeoutMs, unhealthyThreshold, healthyThreshold } = settings
  return {
    healthChecks: [
      {
        timeout: timeoutMs,
        interval: intervalMs,
        unhealthyThreshold,
        healthyThreshold,
        ...probe(settings.probe, protocol, service),
      },
    ],
  }
}

function probe(
  check: HealthCheckSettings['probe'],
  protocol: PortProtocol,
  service: string,
): Pick<HealthCheck, 'httpHealthCheck' | 'grpcHealthCheck' | 'tcpHealthCheck'> {
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
          ...(protocol === 'h2c' || protocol === 'grpc' ? { codecClientType: 'HTTP2' as const } : {}),
        },
      }
    case 'GRPC':
      return { grpcHealthCheck: { serviceName: check.service, authority: service } }
    case 'TCP':
      return { tcpHealthCheck: {} }
  }
}
