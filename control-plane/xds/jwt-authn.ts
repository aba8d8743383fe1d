import { packAny } from '../../core/xds/any.ts'
import { JwtAuthentication, type HttpFilter, type JwtProvider } from '../../core/xds/generated/envoy.js'
import type { TokenProvider } from '../model/token-rule.ts'

const CLOCK_SKEW_SECONDS = 60

/**
 * The filter that verifies tokens of users, before all that decide by them; none without a provider. What it asks for is
 * that every token that is shown verifies: a request without one goes on to the rules.
 */
export function jwtFilters(providers: readonly TokenProvider[] | undefined): HttpFilter[] {
  if (!providers || providers.length === 0) return []
  const message: JwtAuthentication = {
    providers: Object.fromEntries(providers.map((provider, at) => [`provider-${at}`, jwtProvider(provider)])),
    rules: [{ match: { prefix: '/' }, requires: { allowMissing: {} } }],
  }
  return [{ name: 'envoy.filters.http.jwt_authn', typedConfig: packAny(JwtAuthentication, message) }]
}

function jwtProvider({ rule, keys }: TokenProvider): JwtProvider {
  return {
    issuer: rule.issuer,
    audiences: rule.audiences,
    localJwks: { inlineString: keys },
    forward: rule.forward,
    fromHeaders: rule.fromHeaders.map(({ name, prefix }) => ({ name, valuePrefix: prefix })),
    fromParams: rule.fromParams,
    fromCookies: rule.fromCookies,
    ...(rule.payloadHeader === undefined ? {} : { forwardPayloadHeader: rule.payloadHeader }),
    claimToHeaders: rule.claimHeaders.map(({ header, claim }) => ({ headerName: header, claimName: claim })),
    payloadInMetadata: 'payload',
    clockSkewSeconds: CLOCK_SKEW_SECONDS,
  }
}
