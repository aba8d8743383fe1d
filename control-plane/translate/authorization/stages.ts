import type { Action, Matcher, Rule, RuleSet, Stage } from '../../../core/authorization/rules.ts'
import { ALLOW_RULE, SAME_NAMESPACE_RULE, SELF_RULE } from '../../model/authorization.ts'
import type { DefaultDecision } from '../../model/mesh-policy.ts'
import { all, any, ANYTHING, exact, not } from './matchers.ts'
import { namespaceMatcher, type TrustDomains } from './identities.ts'
import type { PolicyRules } from './policy-rules.ts'

/** A policy that has a say at a port. */
export interface Asking {
  readonly action: Action
  readonly dryRun: boolean
  readonly appliesToSelf: boolean
  readonly rules: PolicyRules
  /** It asks nothing of other requests; undefined: of all that comes. */
  readonly within: Matcher | undefined
}

/** Who is asked for. */
export interface Asked {
  readonly namespace: string
  /** SPIFFE IDs that are the pod's own: one a trust domain. */
  readonly identities: readonly string[]
  readonly addresses: readonly string[]
  readonly domains: TrustDomains
}

export interface Decided {
  readonly decision: DefaultDecision
  /** The decision refuses nobody. */
  readonly dryRun: boolean
}

/** What is asked at a port: of requests, or of connections where nobody sees requests. */
export function stagesOf(
  kind: 'http' | 'tcp',
  asking: readonly Asking[],
  asked: Asked,
  { decision, dryRun }: Decided,
): RuleSet {
  const self = selfMatcher(asked)
  const of = (action: Action): readonly Asking[] => asking.filter((one) => one.action === action)
  const matching = (policies: readonly Asking[]): readonly Rule[] | undefined => {
    const rules = policies.flatMap((policy) => matchingRules(kind, policy, self))
    return rules.length > 0 ? rules : undefined
  }
  const allowed = (policies: readonly Asking[], otherwise: DefaultDecision): readonly Rule[] | undefined =>
    allowingRules(kind, policies, otherwise, asked, self)
  const [audit, deny, allow] = [of('AUDIT'), of('DENY'), of('ALLOW')]
  const stages: Stage[] = [
    // It refuses nothing, so there is nothing to try out.
    { action: 'AUDIT', enforced: matching(audit), shadow: undefined },
    {
      action: 'DENY',
      enforced: matching(enforced(deny)),
      shadow: ifDry(deny, () => matching(deny)),
    },
    {
      action: 'ALLOW',
      enforced: allowed(enforced(allow), dryRun ? 'Allow' : decision),
      shadow:
        dryRun && decision !== 'Allow'
          ? allowed(allow, decision)
          : ifDry(allow, () => allowed(allow, decision)),
    },
  ]
  return stages.filter(({ enforced, shadow }) => enforced ?? shadow)
}

function enforced(policies: readonly Asking[]): readonly Asking[] {
  return policies.filter(({ dryRun }) => !dryRun)
}

function ifDry<T>(policies: readonly Asking[], make: () => T): T | undefined {
  return policies.some(({ dryRun }) => dryRun) ? make() : undefined
}

/** Rules of AUDIT and DENY: a pod that reaches itself is none of their business unless they say so. */
function matchingRules(kind: 'http' | 'tcp', policy: Asking, self: Matcher | undefined): readonly Rule[] {
  return rulesWithin(kind, policy).map((rule) =>
    policy.appliesToSelf || !self ? rule : { ...rule, principals: [all([any(rule.principals), not(self)])] },
  )
}

function rulesWithin(kind: 'http' | 'tcp', { rules, within, action }: Asking): readonly Rule[] {
  if (within === undefined) return rules[kind]
  // Where no requests are seen any byte may be of the route: ALLOW allows nothing, the others ask all the same.
  if (kind === 'tcp') return action === 'ALLOW' ? [] : rules.tcp
  return rules.http.map((rule) => ({ ...rule, permissions: [all([within, any(rule.permissions)])] }))
}

/** Undefined: everything may. */
function allowingRules(
  kind: 'http' | 'tcp',
  policies: readonly Asking[],
  decision: DefaultDecision,
  { namespace, domains }: Asked,
  self: Matcher | undefined,
): readonly Rule[] | undefined {
  if (policies.length === 0 && decision === 'Allow') return undefined
  const rules = policies.flatMap((policy) => rulesWithin(kind, policy))
  // What no policy is for, since all that there are are for requests of routes.
  const routes = policies.map(({ within }) => within)
  if (routes.every((within) => within !== undefined)) {
    const others = routes.length === 0 ? ANYTHING : kind === 'http' ? not(any(routes)) : undefined
    if (others && decision !== 'Deny')
      rules.push(
        decision === 'Allow'
          ? { name: ALLOW_RULE, permissions: [others], principals: [ANYTHING] }
          : {
              name: SAME_NAMESPACE_RULE,
              permissions: [others],
              principals: [namespaceMatcher(namespace, domains)],
            },
      )
  }
  if (self && !policies.some(({ appliesToSelf }) => appliesToSelf))
    rules.push({ name: SELF_RULE, permissions: [ANYTHING], principals: [self] })
  return rules
}

/** By its own identity from its own address; undefined of a pod that has none yet. */
function selfMatcher({ identities, addresses }: Asked): Matcher | undefined {
  if (addresses.length === 0) return undefined
  return all([
    any(identities.map((identity): Matcher => ({ kind: 'identity', match: exact(identity) }))),
    any(
      addresses.map((address): Matcher => ({
        kind: 'source-ip',
        prefix: address,
        bits: address.includes(':') ? 128 : 32,
      })),
    ),
  ])
}
