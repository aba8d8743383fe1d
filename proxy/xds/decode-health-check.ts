import type {
  Cluster as WireCluster,
  HealthCheck as WireHealthCheck,
  HealthCheck_HttpHealthCheck,
} from '../../core/xds/generated/envoy.js'
import type { Cluster } from '../model/cluster.ts'
import type { HealthCheck, HttpProbeSettings } from '../model/health-check.ts'
import type { Scope } from './scope.ts'

/** Envoy's default, which says 60 s. */
const NO_TRAFFIC_MS = 60_000
/** Where nothing is said of jitter: many sidecars must not ask in step. */
const JITTER = 0.1

/** health_checks of a cluster; undefined: endpoints are not asked. */
export function decodeHealthCheck(
  { healthChecks = [], type, name = '' }: WireCluster,
  http: Cluster['http'],
  scope: Scope,
): HealthCheck | undefined {
  const [check] = healthChecks
  if (!check) return undefined
  if (healthChecks.length > 1) scope.at('health_checks', 1).fail('is one too many')
  if (type === 'ORIGINAL_DST')
    scope.at('health_checks').fail('has nothing to choose from in type ORIGINAL_DST')
  const at = scope.at('health_checks', 0)
  const time = (value: number | undefined, field: string, unset: number): number => {
    if (value !== undefined && value <= 0) at.at(field).fail('must be above 0')
    return value ?? unset
  }
  const threshold = (value: number | undefined, field: string): number => {
    if (value === 0) at.at(field).fail('must be at least 1')
    return value ?? 1
  }
  const intervalMs = time(check.interval, 'interval', 1)
  return {
    probe: decodeProbe(check, name, http, at),
    timeoutMs: time(check.timeout, 'timeout', 1),
    intervalMs,
    noTrafficIntervalMs: time(check.noTrafficInterval, 'no_traffic_interval', NO_TRAFFIC_MS),
    unhealthyIntervalMs: time(check.unhealthyInterval, 'unhealthy_interval', intervalMs),
    jitterMs: check.intervalJitter ?? intervalMs * JITTER,
    unhealthyThreshold: threshold(check.unhealthyThreshold, 'unhealthy_threshold'),
    healthyThreshold: threshold(check.healthyThreshold, 'healthy_threshold'),
  }
}

function decodeProbe(
  { grpcHealthCheck: grpc, httpHealthCheck, tcpHealthCheck }: WireHealthCheck,
  cluster: string,
  http: Cluster['http'],
  at: Scope,
): HealthCheck['probe'] {
  if (httpHealthCheck) return decodeHttpProbe(httpHealthCheck, cluster, at.at('http_health_check'))
  if (grpc) {
    if (http === 'http1') at.at('grpc_health_check').fail('needs a cluster that speaks HTTP/2')
    return { kind: 'grpc', service: grpc.serviceName ?? '', authority: grpc.authority || cluster }
  }
  if (!tcpHealthCheck) at.fail('needs http_health_check, grpc_health_check or tcp_health_check')
  return { kind: 'tcp' }
}

function decodeHttpProbe(
  { host, path = '', method, expectedStatuses = [] }: HealthCheck_HttpHealthCheck,
  cluster: string,
  at: Scope,
): HttpProbeSettings {
  if (!/^\/[!-~]*$/.test(path)) at.at('path').fail('must begin with / and hold printable ASCII alone')
  const ranges = expectedStatuses.map(({ start = 0n, end = 0n }, i): readonly [number, number] => {
    if (start < 100n || end > 600n || start >= end)
      at.at('expected_statuses', i).fail('must go from 100 at least up to 600 at most, its end not included')
    return [Number(start), Number(end)]
  })
  return {
    kind: 'http',
    method: method === undefined || method === 'METHOD_UNSPECIFIED' ? 'GET' : method,
    host: host || cluster,
    path,
    expected: ranges.length > 0 ? ranges : [[200, 201]],
  }
}
