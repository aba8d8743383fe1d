import { ANY, only, REQUIRED, type Messages } from './table.ts'

const HASH_POLICY_MESSAGE = 'envoy.config.route.v3.RouteAction.HashPolicy'

/** What of a request decides on its endpoint. */
export const HASH_POLICY: Messages = {
  [HASH_POLICY_MESSAGE]: {
    header: ANY,
    cookie: ANY,
    connection_properties: ANY,
    query_parameter: ANY,
    terminal: ANY,
  },
  [`${HASH_POLICY_MESSAGE}.Header`]: { header_name: REQUIRED },
  [`${HASH_POLICY_MESSAGE}.Cookie`]: { name: REQUIRED, ttl: ANY, path: ANY },
  [`${HASH_POLICY_MESSAGE}.ConnectionProperties`]: { source_ip: only('true') },
  [`${HASH_POLICY_MESSAGE}.QueryParameter`]: { name: REQUIRED },
}
