import { ANY, REQUIRED, type Messages } from './table.ts'

const JWT = 'envoy.extensions.filters.http.jwt_authn.v3'

/** The filter that verifies tokens of users, as `types` of http-filters.ts has them. */
export const JWT_AUTHN: Messages = {
  [`${JWT}.JwtAuthentication`]: {
    providers: REQUIRED,
    // One rule for whatever path: every token that a request shows is verified, and who shows none passes.
    rules: REQUIRED,
  },
}

/** And the messages that it is made of. */
export const JWT_AUTHN_PARTS: Messages = {
  [`${JWT}.JwtProvider`]: {
    issuer: REQUIRED,
    audiences: ANY,
    // Inline alone: sidecars fetch nothing.
    local_jwks: { required: true, within: { inline_string: REQUIRED } },
    from_headers: ANY,
    from_params: ANY,
    from_cookies: ANY,
    forward: ANY,
    forward_payload_header: ANY,
    claim_to_headers: ANY,
    // Where the filters of RBAC look for claims.
    payload_in_metadata: { required: true, values: ['payload'] },
    clock_skew_seconds: ANY,
  },
  [`${JWT}.JwtHeader`]: { name: REQUIRED, value_prefix: ANY },
  [`${JWT}.JwtClaimToHeader`]: { header_name: REQUIRED, claim_name: REQUIRED },
  [`${JWT}.RequirementRule`]: {
    match: { required: true, within: { prefix: { required: true, values: ['/'] } } },
    requires: { required: true, within: { allow_missing: { required: true, within: {} } } },
  },
  // Their fields stand where they are used.
  [`${JWT}.JwtRequirement`]: {},
  'google.protobuf.Empty': {},
}
