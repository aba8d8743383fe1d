import { isDeepStrictEqual } from 'node:util'
import type { Matcher } from '../../../core/authorization/rules.ts'
import type { RuleSource } from '../../model/authorization.ts'
import type { MeshSettings } from '../../model/mesh-policy.ts'
import type { RouteTable } from '../../model/mesh.ts'
import type { AuthorizationPolicyObject } from '../../registry/kinds/authorization-policy/policy.ts'
import { keyOf } from '../../registry/kinds/meta.ts'
import type { Snapshot } from '../../registry/snapshot.ts'
import { targetProblem, type TargetProblem } from '../policy-targets.ts'
import { any } from './matchers.ts'
import type { PolicyRules, PolicyRulesCache } from './policy-rules.ts'
import { routeRequests, routesByName } from './route-requests.ts'
import { wideScope, type Scope } from './scopes.ts'
import type { Asking } from './stages.ts'

/** A policy with what it is for, as far as that is there. */
export class PolicyInForce {
  readonly key: string
  readonly policy: AuthorizationPolicyObject
  readonly rules: PolicyRules
  readonly dryRun: boolean
  readonly scopes: readonly Scope[]
  /** Of each entry of `targetRefs`: why it is for nothing. */
  readonly problems: readonly (TargetProblem | undefined)[]

  constructor(
    policy: AuthorizationPolicyObject,
    rules: PolicyRules,
    dryRun: boolean,
    scopes: readonly Scope[],
    problems: readonly (TargetProblem | undefined)[],
  ) {
    this.key = keyOf(policy.meta)
    this.policy = policy
    this.rules = rules
    this.dryRun = dryRun
    this.scopes = scopes
    this.problems = problems
  }

  /** `within`: of each scope that is of the port. */
  asking(within: readonly (Matcher | undefined)[]): Asking {
    const { action, appliesToSelf } = this.policy
    const all = within.flatMap((one) => one ?? [])
    return {
      action,
      appliesToSelf,
      dryRun: this.dryRun,
      rules: this.rules,
      within: all.length < within.length ? undefined : any(all),
    }
  }

  sourceOf(scope: number): RuleSource {
    const { meta, action, unreadable } = this.policy
    const { level = 'namespace', ref } = this.scopes[scope] ?? {}
    const named = level === 'Service' || level === 'HTTPRoute' || level === 'GRPCRoute'
    return {
      namespace: meta.namespace,
      name: meta.name,
      action,
      dryRun: this.dryRun,
      level,
      target: named ? (ref?.name ?? '') : '',
      unreadable,
    }
  }
}

interface Inputs {
  readonly snapshot: Snapshot
  readonly routes: ReadonlyMap<string, RouteTable>
  readonly settings: MeshSettings
}

/** All policies, in the order in which they are told; one of which nothing changed is the same object as `before`. */
export function policiesInForce(
  { snapshot, routes, settings }: Inputs,
  rules: PolicyRulesCache,
  systemNamespace: string,
  before: ReadonlyMap<string, PolicyInForce>,
): readonly PolicyInForce[] {
  return [...snapshot.authorizationPolicies.values()].toSorted(byName).map((policy) => {
    const dryRun = policy.mode === 'DryRun' || settings.dryRunNamespaces.includes(policy.meta.namespace)
    const wide = wideScope(policy, systemNamespace)
    const problems = policy.targetRefs.map((ref) => targetProblem(snapshot, { ...policy, settings: {} }, ref))
    const scopes = wide
      ? [wide]
      : policy.targetRefs.flatMap((ref, at): Scope[] =>
          problems[at] ? [] : [targetScope(policy, ref, routes)],
        )
    const earlier = before.get(keyOf(policy.meta))
    const same =
      earlier?.policy === policy &&
      earlier.dryRun === dryRun &&
      isDeepStrictEqual([earlier.scopes, earlier.problems], [scopes, problems])
    return same ? earlier : new PolicyInForce(policy, rules.of(policy), dryRun, scopes, problems)
  })
}

function targetScope(
  policy: AuthorizationPolicyObject,
  ref: AuthorizationPolicyObject['targetRefs'][number],
  routes: ReadonlyMap<string, RouteTable>,
): Scope {
  if (ref.kind === 'Namespace') return { level: 'namespace', ref, route: undefined }
  if (ref.kind === 'Service') return { level: 'Service', ref, route: undefined }
  const { namespace } = policy.meta
  const found = routesByName(routes).get(`${ref.kind}/${namespace}/${ref.name}`) ?? []
  return { level: ref.kind, ref, route: routeRequests(found, namespace) }
}

function byName({ meta: a }: AuthorizationPolicyObject, { meta: b }: AuthorizationPolicyObject): number {
  return keyOf(a) < keyOf(b) ? -1 : 1
}
