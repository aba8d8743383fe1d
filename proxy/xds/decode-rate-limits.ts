import type { RateLimit, RateLimit_Action } from '../../core/xds/generated/envoy.js'
import type { RateLimitAction, RateLimitRule } from '../model/rate-limit.ts'
import { decodeHeader } from './decode-match.ts'
import type { Scope } from './scope.ts'

/** `rate_limits` of a route or a virtual host (envoy.config.route.v3.RateLimit); undefined: none. */
export function decodeRateLimits(
  limits: readonly RateLimit[] | undefined,
  scope: Scope,
): readonly RateLimitRule[] | undefined {
  if (!limits || limits.length === 0) return undefined
  return limits.map(({ actions = [] }, i) =>
    actions.map((action, j) => decodeAction(action, scope.at('rate_limits', i).at('actions', j))),
  )
}

/** Keys that are not said are Envoy's. */
function decodeAction(action: RateLimit_Action, scope: Scope): RateLimitAction {
  if (action.requestHeaders) {
    const { headerName = '', descriptorKey = '', skipIfAbsent = false } = action.requestHeaders
    return { kind: 'request-header', key: descriptorKey, header: headerName.toLowerCase(), skipIfAbsent }
  }
  if (action.remoteAddress) return { kind: 'remote-address', key: 'remote_address' }
  if (action.headerValueMatch) {
    const { descriptorKey, descriptorValue = '', expectMatch = true, headers = [] } = action.headerValueMatch
    const at = scope.at('header_value_match')
    return {
      kind: 'header-match',
      key: descriptorKey || 'header_match',
      value: descriptorValue,
      expect: expectMatch,
      headers: headers.map((header, i) => decodeHeader(header, at.at('headers', i))),
    }
  }
  if (!action.genericKey)
    scope.fail('needs request_headers, remote_address, generic_key or header_value_match')
  const { descriptorKey, descriptorValue = '' } = action.genericKey ?? {}
  return { kind: 'generic', key: descriptorKey || 'generic_key', value: descriptorValue }
}
