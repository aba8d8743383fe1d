import type { Matcher } from '../../../core/authorization/rules.ts'
import type { RuleSource } from '../../model/authorization.ts'
import type { Workload, WorkloadPort } from '../../model/mesh.ts'
import type {
  AuthorizationPolicyObject,
  TargetRef,
} from '../../registry/kinds/authorization-policy/policy.ts'
import { selects } from '../../registry/kinds/label-selector.ts'
import { any } from './matchers.ts'
import type { RouteRequests } from './route-requests.ts'

/** One of the things that a policy is for. */
export interface Scope {
  readonly level: RuleSource['level']
  /** Of the policy that names it; undefined: it names none. */
  readonly ref: TargetRef | undefined
  /** Of a route. */
  readonly route: RouteScope | undefined
}

export interface RouteScope {
  readonly requests: RouteRequests
  /** Services that it leads to in other namespaces, which the policy does not reach. */
  readonly elsewhere: readonly string[]
}

/** What a policy is for by its own words, targets apart: the mesh, its namespace or pods of it. */
export function wideScope(policy: AuthorizationPolicyObject, systemNamespace: string): Scope | undefined {
  if (policy.targetRefs.length > 0) return undefined
  const level =
    policy.selector !== undefined
      ? 'selector'
      : policy.meta.namespace === systemNamespace
        ? 'mesh'
        : 'namespace'
  return { level, ref: undefined, route: undefined }
}

/** Whether a scope is of this port, and of which requests to it; undefined: it is not. */
export function coverOf(
  policy: AuthorizationPolicyObject,
  { level, ref, route }: Scope,
  workload: Workload,
  port: WorkloadPort | undefined,
  portKeys: readonly string[],
): { readonly within: Matcher | undefined } | undefined {
  const { namespace } = policy.meta
  if (level !== 'mesh' && workload.namespace !== namespace) return undefined
  switch (level) {
    case 'mesh':
    case 'namespace':
      return { within: undefined }
    case 'selector':
      return policy.selector && selects(policy.selector, workload.labels) ? { within: undefined } : undefined
    case 'Service':
      return port?.services.includes(`${namespace}/${ref?.name}`) ? { within: undefined } : undefined
    case 'HTTPRoute':
    case 'GRPCRoute': {
      const all = portKeys.flatMap((key) => route?.requests.get(key) ?? [])
      return all.length === 0 ? undefined : { within: any(all) }
    }
  }
}
