/** The objects of docs/security.md as they are written, as far as the cases and the naive evaluator use them. */

export interface WrittenSource {
  readonly principals?: readonly string[]
  readonly notPrincipals?: readonly string[]
  readonly namespaces?: readonly string[]
  readonly notNamespaces?: readonly string[]
  readonly serviceAccounts?: readonly string[]
  readonly notServiceAccounts?: readonly string[]
  readonly ipBlocks?: readonly string[]
  readonly notIpBlocks?: readonly string[]
  readonly trustDomains?: readonly string[]
  readonly notTrustDomains?: readonly string[]
  readonly requestPrincipals?: readonly string[]
  readonly notRequestPrincipals?: readonly string[]
}

export interface WrittenGrpc {
  readonly service: string
  readonly method?: string
}

export interface WrittenOperation {
  readonly ports?: readonly number[]
  readonly notPorts?: readonly number[]
  readonly methods?: readonly string[]
  readonly notMethods?: readonly string[]
  readonly paths?: readonly string[]
  readonly notPaths?: readonly string[]
  readonly hosts?: readonly string[]
  readonly notHosts?: readonly string[]
  readonly grpc?: readonly WrittenGrpc[]
  readonly notGrpc?: readonly WrittenGrpc[]
  readonly snis?: readonly string[]
  readonly notSnis?: readonly string[]
}

export interface WrittenCondition {
  readonly key: string
  readonly values?: readonly string[]
  readonly notValues?: readonly string[]
}

export interface WrittenRule {
  readonly from?: readonly { readonly source: WrittenSource }[]
  readonly to?: readonly { readonly operation: WrittenOperation }[]
  readonly when?: readonly WrittenCondition[]
}

export interface WrittenTarget {
  readonly group: string
  readonly kind: 'Service' | 'HTTPRoute' | 'GRPCRoute' | 'Namespace'
  readonly name: string
}

export interface PolicySpec {
  readonly targetRefs?: readonly WrittenTarget[]
  readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> }
  readonly action?: 'ALLOW' | 'DENY' | 'AUDIT'
  readonly mode?: 'Enforce' | 'DryRun'
  readonly appliesToSelf?: boolean
  readonly rules?: readonly WrittenRule[]
}

interface Written<Kind extends string, Spec> {
  readonly apiVersion: string
  readonly kind: Kind
  readonly metadata: { readonly namespace: string; readonly name: string }
  readonly spec: Spec
}

export type WrittenPolicy = Written<'AuthorizationPolicy', PolicySpec>

export type DefaultDecision = 'Allow' | 'SameNamespace' | 'Deny'

export type WrittenMeshPolicy = Written<
  'MeshPolicy',
  {
    readonly authorization?: {
      readonly default?: DefaultDecision
      readonly dryRunNamespaces?: readonly string[]
    }
    readonly namespaces?: readonly {
      readonly name: string
      readonly authorization?: { readonly default?: DefaultDecision }
    }[]
  }
>

export type WrittenRoute = Written<'HTTPRoute' | 'GRPCRoute', object>

export type WrittenObject = WrittenPolicy | WrittenMeshPolicy | WrittenRoute

type Rest = Omit<PolicySpec, 'action' | 'rules'>

/** An AuthorizationPolicy, of namespace payments unless `name` is `namespace/name`; without `rules` the field is left out. */
function policy(
  action: PolicySpec['action'],
  name: string,
  rules: readonly WrittenRule[] | undefined,
  rest: Rest,
): WrittenPolicy {
  const [first = '', second] = name.split('/')
  return {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'AuthorizationPolicy',
    metadata: { namespace: second === undefined ? 'payments' : first, name: second ?? first },
    spec: { ...rest, ...(action && { action }), ...(rules && { rules }) },
  }
}

/** As most are written: with the action left out. */
export const allow = (name: string, rules?: readonly WrittenRule[], rest: Rest = {}): WrittenPolicy =>
  policy(undefined, name, rules, rest)
export const deny = (name: string, rules?: readonly WrittenRule[], rest: Rest = {}): WrittenPolicy =>
  policy('DENY', name, rules, rest)
export const audit = (name: string, rules?: readonly WrittenRule[], rest: Rest = {}): WrittenPolicy =>
  policy('AUDIT', name, rules, rest)

export function meshPolicy(spec: WrittenMeshPolicy['spec']): WrittenMeshPolicy {
  return {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'MeshPolicy',
    metadata: { namespace: 'weft-system', name: 'default' },
    spec,
  }
}

export const from = (...sources: readonly WrittenSource[]): Pick<WrittenRule, 'from'> => ({
  from: sources.map((source) => ({ source })),
})
export const to = (...operations: readonly WrittenOperation[]): Pick<WrittenRule, 'to'> => ({
  to: operations.map((operation) => ({ operation })),
})
export const when = (...conditions: readonly WrittenCondition[]): Pick<WrittenRule, 'when'> => ({
  when: conditions,
})
