import type { Kind } from '../../../core/authorization/condition.ts'
import type { Matcher } from '../../../core/authorization/rules.ts'
import type { Permission } from '../../../core/xds/generated/envoy.js'
import type { Scope } from '../../xds/scope.ts'
import { readBlock, readClaim, readHeader, readPath, readTemplate, readText } from './read-leaf.ts'

const PORTS = 65_536

/** envoy.config.rbac.v3.Permission: what is asked for. */
export function readPermission(permission: Permission, kind: Kind, scope: Scope): Matcher {
  const { andRules, orRules, notRule, destinationPort: port, destinationPortRange: range } = permission
  const all = (rules: readonly Permission[] = [], at: Scope): Matcher[] =>
    rules.map((rule, i) => readPermission(rule, kind, at.at('rules', i)))
  if (andRules) return { kind: 'and', of: all(andRules.rules, scope.at('and_rules')) }
  if (orRules) return { kind: 'or', of: all(orRules.rules, scope.at('or_rules')) }
  if (notRule) return { kind: 'not', of: readPermission(notRule, kind, scope.at('not_rule')) }
  if (permission.any) return { kind: 'any' }
  if (permission.header) return readHeader(permission.header, kind, scope.at('header'))
  if (permission.urlPath) return readPath(permission.urlPath, kind, scope.at('url_path'))
  if (permission.uriTemplate) return readTemplate(permission.uriTemplate, kind, scope.at('uri_template'))
  if (permission.metadata) return readClaim(permission.metadata, kind, scope.at('metadata'))
  if (permission.destinationIp)
    return readBlock(permission.destinationIp, 'destination-ip', scope.at('destination_ip'))
  if (permission.requestedServerName)
    return { kind: 'sni', match: readText(permission.requestedServerName, scope.at('requested_server_name')) }
  if (port !== undefined) {
    if (port >= PORTS) scope.at('destination_port').fail('must be below 65536')
    return { kind: 'port', start: port, end: port + 1 }
  }
  if (range) {
    const { start = 0, end = 0 } = range
    if (start < 0 || end <= start || end > PORTS)
      scope
        .at('destination_port_range')
        .fail('must have a start from 0 on, and an end above it, 65536 at the most')
    return { kind: 'port', start, end }
  }
  scope.fail('needs a rule: { any: true } matches everything')
  return { kind: 'any' }
}
