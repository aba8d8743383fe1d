import { ANY, REQUIRED, type Messages } from './table.ts'

const RATE_LIMIT = 'envoy.config.route.v3.RateLimit'

/** What of a request is counted by: `rate_limits` of routes and virtual hosts. */
export const RATE_LIMITS: Messages = {
  [RATE_LIMIT]: { actions: REQUIRED },
  [`${RATE_LIMIT}.Action`]: {
    request_headers: ANY,
    remote_address: ANY,
    generic_key: ANY,
    header_value_match: ANY,
  },
  [`${RATE_LIMIT}.Action.RequestHeaders`]: {
    header_name: REQUIRED,
    descriptor_key: REQUIRED,
    skip_if_absent: ANY,
  },
  [`${RATE_LIMIT}.Action.RemoteAddress`]: {},
  [`${RATE_LIMIT}.Action.GenericKey`]: { descriptor_value: REQUIRED, descriptor_key: ANY },
  [`${RATE_LIMIT}.Action.HeaderValueMatch`]: {
    descriptor_value: REQUIRED,
    descriptor_key: ANY,
    expect_match: ANY,
    headers: REQUIRED,
  },
}
