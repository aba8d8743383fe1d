import { NETWORK_RBAC } from './rbac.ts'
import { ANY, REQUIRED, type Messages } from './table.ts'

/** The network filters that may stand in a filter chain before its connection manager or tcp_proxy. */
export const NETWORK_FILTERS: Messages = {
  'envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit': {
    stat_prefix: REQUIRED,
    max_connections: REQUIRED,
    delay: ANY,
  },
  ...NETWORK_RBAC,
}
