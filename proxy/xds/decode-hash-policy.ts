import type { RouteAction_HashPolicy } from '../../core/xds/generated/envoy.js'
import type { HashPolicy } from '../model/route.ts'
import type { Scope } from './scope.ts'

// RFC 9110 section 5.6.2, and what RFC 6265 section 4.1.1 lets a path be.
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
const COOKIE_PATH = /^[\x20-\x3a\x3c-\x7e]*$/

/** envoy.config.route.v3.RouteAction.HashPolicy; undefined: it has no effect, or is wrong. */
export function decodeHashPolicy(policy: RouteAction_HashPolicy, at: Scope): HashPolicy | undefined {
  const terminal = policy.terminal ?? false
  const { header, cookie, queryParameter: query, connectionProperties: connection } = policy
  if (header) return { kind: 'header', name: (header.headerName ?? '').toLowerCase(), terminal }
  if (cookie) {
    const { name = '', path = '', ttl } = cookie
    if (!TOKEN.test(name))
      at.at('cookie').at('name').fail('must be the name of a cookie: no space, no separator')
    if (!COOKIE_PATH.test(path)) at.at('cookie').at('path').fail('must have no control character and no ;')
    return { kind: 'cookie', name, path, ttlMs: ttl, terminal }
  }
  if (query) return { kind: 'query', name: query.name ?? '', terminal }
  if (connection?.sourceIp) return { kind: 'source-ip', terminal }
  at.fail('needs header, cookie, query_parameter, or connection_properties with source_ip: true')
  return undefined
}
