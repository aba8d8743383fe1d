import { ANY, EMPTY, only, REQUIRED, type Messages } from './table.ts'

const CORE = 'envoy.config.core.v3'

/** When an endpoint of a cluster is left out for how it does. */
export const CLUSTER_HEALTH: Messages = {
  'envoy.config.cluster.v3.OutlierDetection': {
    consecutive_5xx: ANY,
    enforcing_consecutive_5xx: ANY,
    consecutive_gateway_failure: ANY,
    enforcing_consecutive_gateway_failure: ANY,
    interval: ANY,
    base_ejection_time: ANY,
    max_ejection_time: ANY,
    max_ejection_percent: ANY,
    enforcing_success_rate: ANY,
    success_rate_minimum_hosts: ANY,
    success_rate_request_volume: ANY,
    success_rate_stdev_factor: ANY,
    failure_percentage_threshold: ANY,
    enforcing_failure_percentage: ANY,
    failure_percentage_minimum_hosts: ANY,
    failure_percentage_request_volume: ANY,
  },
  [`${CORE}.HealthCheck`]: {
    timeout: REQUIRED,
    interval: REQUIRED,
    interval_jitter: ANY,
    unhealthy_threshold: REQUIRED,
    healthy_threshold: REQUIRED,
    no_traffic_interval: ANY,
    unhealthy_interval: ANY,
    http_health_check: ANY,
    grpc_health_check: ANY,
    tcp_health_check: EMPTY,
  },
  [`${CORE}.HealthCheck.HttpHealthCheck`]: {
    host: ANY,
    path: REQUIRED,
    method: only('GET', 'HEAD', 'OPTIONS', 'POST'),
    expected_statuses: ANY,
  },
  'envoy.type.v3.Int64Range': { start: ANY, end: ANY },
  [`${CORE}.HealthCheck.GrpcHealthCheck`]: { service_name: ANY, authority: ANY },
  [`${CORE}.HealthCheck.TcpHealthCheck`]: {},
}
