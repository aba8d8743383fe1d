import type { AuditedDecisions, DefaultDecision, MtlsMode } from '../../model/mesh-policy.ts'
import type { Fields } from '../fields.ts'
import { readFilled } from './authorization-policy/values.ts'
import { readDurationWithin } from './duration.ts'
import type { TokenRule } from '../../model/token-rule.ts'
import { readTokenRules } from './token-rules.ts'
import { readMeta, type Meta } from './meta.ts'

/** weft.dev/v1alpha1 MeshPolicy: what holds in the whole mesh where nothing more exact is said. */
export interface MeshPolicyObject {
  readonly kind: 'MeshPolicy'
  readonly meta: Meta
  readonly mtls: MtlsMode | undefined
  readonly decision: DefaultDecision | undefined
  readonly audit: AuditedDecisions | undefined
  readonly dryRunNamespaces: readonly string[]
  /** Milliseconds. */
  readonly openConnectionsMs: number | undefined
  readonly namespaces: readonly NamespaceException[]
  /** For every pod, where no RequestAuthentication speaks of the issuer. */
  readonly tokenRules: readonly TokenRule[]
  /** Something in it is wrong: whatever is not said well is as strict as can be. */
  readonly unreadable: boolean
}

export interface NamespaceException {
  readonly name: string
  readonly mtls: MtlsMode | undefined
  readonly decision: DefaultDecision | undefined
}

/** There is one object, of this name, in the installation's namespace. */
export const MESH_POLICY_NAME = 'default'

const MODES = ['PERMISSIVE', 'STRICT'] as const
const DECISIONS = ['Allow', 'SameNamespace', 'Deny'] as const
const MOST_NAMESPACES = 256
const NAMESPACE = { pattern: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, is: 'the name of a namespace' }

/** Strict, as the definition is that the API server holds (deploy/chart/crds). */
export function readMeshPolicy(object: Fields): MeshPolicyObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  if (!object.has('spec')) object.problem('is required', 'spec')
  const spec = object.map('spec')
  const mtls = readMtls(spec)
  const authorization = spec.map('authorization')
  const decision = authorization.oneOf('default', DECISIONS)
  const audit = authorization.oneOf('audit', ['None', 'Denied', 'All'])
  const dryRunNamespaces = readFilled(
    authorization,
    'dryRunNamespaces',
    (fields, name) => {
      const names = fields.texts(name)
      for (const [at, one] of names.entries())
        if (!NAMESPACE.pattern.test(one))
          fields.problem(`must be ${NAMESPACE.is}, got ${JSON.stringify(one)}`, name, at)
      return names
    },
    MOST_NAMESPACES,
  )
  const openConnectionsMs = readDurationWithin(authorization, 'openConnections', '100ms', '1h')
  authorization.refuseUnknown({ nulls: true })
  const namespaces = readExceptions(spec)
  const requestAuthentication = spec.optionalMap('requestAuthentication')
  const tokenRules = requestAuthentication ? readTokenRules(requestAuthentication) : []
  requestAuthentication?.refuseUnknown({ nulls: true })
  spec.refuseUnknown({ nulls: true })
  object.refuseUnknown()
  const unreadable = object.problems > 0
  return {
    kind: 'MeshPolicy',
    meta,
    mtls: mtls ?? (unreadable ? 'STRICT' : undefined),
    decision: decision ?? (unreadable ? 'Deny' : undefined),
    audit,
    dryRunNamespaces: unreadable ? [] : dryRunNamespaces,
    openConnectionsMs,
    namespaces: unreadable ? [] : namespaces,
    tokenRules: unreadable ? [] : tokenRules,
    unreadable,
  }
}

function readMtls(fields: Fields): MtlsMode | undefined {
  const mtls = fields.optionalMap('mtls')
  if (!mtls) return undefined
  if (!mtls.has('mode')) mtls.problem('is required: STRICT or PERMISSIVE', 'mode')
  const mode = mtls.oneOf('mode', MODES)
  mtls.refuseUnknown()
  return mode
}

function readExceptions(spec: Fields): readonly NamespaceException[] {
  const seen = new Set<string>()
  return readFilled(
    spec,
    'namespaces',
    () =>
      spec.list('namespaces', (entry) => {
        const name = entry.requiredText('name', NAMESPACE)
        if (seen.has(name)) entry.problem(`names namespace ${name} a second time`, 'name')
        seen.add(name)
        const mtls = readMtls(entry)
        const authorization = entry.optionalMap('authorization')
        if (authorization && !authorization.has('default'))
          authorization.problem(`is required: one of ${DECISIONS.join(', ')}`, 'default')
        const decision = authorization?.oneOf('default', DECISIONS)
        authorization?.refuseUnknown()
        entry.refuseUnknown({ nulls: true })
        if (!entry.has('mtls') && !entry.has('authorization'))
          entry.problem('needs mtls or authorization: what is other there')
        return { name, mtls, decision }
      }),
    MOST_NAMESPACES,
  )
}
