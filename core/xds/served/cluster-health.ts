import { ANY, type Messages } from './table.ts'

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
}
