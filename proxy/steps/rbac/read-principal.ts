import type { Kind } from '../../../core/authorization/condition.ts'
import type { Matcher } from '../../../core/authorization/rules.ts'
import type { Principal } from '../../../core/xds/generated/envoy.js'
import type { Scope } from '../../xds/scope.ts'
import { readBlock, readClaim, readHeader, readPath, readText } from './read-leaf.ts'

/** envoy.config.rbac.v3.Principal: who asks. */
export function readPrincipal(principal: Principal, kind: Kind, scope: Scope): Matcher {
  const { andIds, orIds, notId, authenticated } = principal
  const all = (ids: readonly Principal[] = [], at: Scope): Matcher[] =>
    ids.map((id, i) => readPrincipal(id, kind, at.at('ids', i)))
  if (andIds) return { kind: 'and', of: all(andIds.ids, scope.at('and_ids')) }
  if (orIds) return { kind: 'or', of: all(orIds.ids, scope.at('or_ids')) }
  if (notId) return { kind: 'not', of: readPrincipal(notId, kind, scope.at('not_id')) }
  if (principal.any) return { kind: 'any' }
  if (authenticated) {
    const { principalName } = authenticated
    const at = scope.at('authenticated').at('principal_name')
    return { kind: 'identity', match: principalName && readText(principalName, at) }
  }
  if (principal.directRemoteIp)
    return readBlock(principal.directRemoteIp, 'source-ip', scope.at('direct_remote_ip'))
  if (principal.header) return readHeader(principal.header, kind, scope.at('header'))
  if (principal.urlPath) return readPath(principal.urlPath, kind, scope.at('url_path'))
  if (principal.metadata) return readClaim(principal.metadata, kind, scope.at('metadata'))
  scope.fail('needs an identifier: { any: true } matches everybody')
  return { kind: 'any' }
}
