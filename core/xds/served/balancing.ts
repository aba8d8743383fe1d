import { ANY, only, type Fields, type Messages } from './table.ts'

const CLUSTER = 'envoy.config.cluster.v3.Cluster'

/** Of a cluster. */
export const BALANCING_FIELDS: Fields = {
  lb_policy: only('ROUND_ROBIN', 'LEAST_REQUEST', 'RANDOM', 'RING_HASH', 'MAGLEV', 'CLUSTER_PROVIDED'),
  least_request_lb_config: ANY,
  round_robin_lb_config: ANY,
  ring_hash_lb_config: ANY,
  maglev_lb_config: ANY,
  common_lb_config: ANY,
}

/** How requests are shared out among endpoints. */
export const BALANCING: Messages = {
  [`${CLUSTER}.LeastRequestLbConfig`]: {
    choice_count: ANY,
    active_request_bias: ANY,
    slow_start_config: ANY,
  },
  [`${CLUSTER}.RoundRobinLbConfig`]: { slow_start_config: ANY },
  [`${CLUSTER}.RingHashLbConfig`]: { minimum_ring_size: ANY, maximum_ring_size: ANY },
  [`${CLUSTER}.MaglevLbConfig`]: { table_size: ANY },
  [`${CLUSTER}.SlowStartConfig`]: { slow_start_window: ANY, aggression: ANY, min_weight_percent: ANY },
  [`${CLUSTER}.CommonLbConfig`]: {
    healthy_panic_threshold: ANY,
    zone_aware_lb_config: ANY,
    locality_weighted_lb_config: ANY,
  },
  [`${CLUSTER}.CommonLbConfig.ZoneAwareLbConfig`]: { routing_enabled: ANY, min_cluster_size: ANY },
  [`${CLUSTER}.CommonLbConfig.LocalityWeightedLbConfig`]: {},
  // Without runtime_key: there is no runtime.
  'envoy.config.core.v3.RuntimeDouble': { default_value: ANY },
  'envoy.config.endpoint.v3.LocalityLbEndpoints': {
    lb_endpoints: ANY,
    locality: ANY,
    priority: ANY,
    load_balancing_weight: ANY,
  },
}
