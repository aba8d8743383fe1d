import type { Matcher, Rule } from '../../../core/authorization/rules.ts'
import type {
  AuthorizationPolicyObject,
  PolicyRule,
} from '../../registry/kinds/authorization-policy/policy.ts'
import {
  askedOfCondition,
  askedOfOperation,
  askedOfSource,
  type Asked,
  type PolicyContext,
} from './fields.ts'
import type { TrustDomains } from './identities.ts'
import { all, any, ANYTHING } from './matchers.ts'

/** A policy in the terms of the model, whoever it is for. */
export interface PolicyRules {
  readonly http: readonly Rule[]
  /** Where no request is seen: rules of ALLOW that ask for one are left out, those of others ask for less. */
  readonly tcp: readonly Rule[]
  /** Rules that need requests. */
  readonly needingHttp: readonly NeedsHttp[]
}

export interface NeedsHttp {
  /** `spec.rules[0].to.operation.paths` */
  readonly fields: readonly string[]
  /** Ports that the rule names, each entry's; undefined: whatever the port. */
  readonly ports: ReadonlySet<number> | undefined
}

/** `domains` are the same array while they stay. */
export class PolicyRulesCache {
  readonly #domains: TrustDomains
  readonly #made = new WeakMap<AuthorizationPolicyObject, PolicyRules>()

  constructor(domains: TrustDomains) {
    this.#domains = domains
  }

  of(policy: AuthorizationPolicyObject): PolicyRules {
    const known = this.#made.get(policy)
    if (known) return known
    const made = policyRules(policy, this.#domains)
    this.#made.set(policy, made)
    return made
  }
}

export function policyRules(policy: AuthorizationPolicyObject, domains: TrustDomains): PolicyRules {
  const { meta, action } = policy
  const context = { namespace: meta.namespace, domains }
  const { rules = [] } = policy
  const http: Rule[] = []
  const tcp: Rule[] = []
  const needingHttp: NeedsHttp[] = []
  for (const [index, rule] of rules.entries()) {
    const name = `${meta.namespace}/${meta.name}/${index}`
    const parts = partsOf(rule, context)
    const fields = new Set(httpFields(parts).map((field) => `spec.rules[${index}].${field}`))
    http.push(ruleOf(name, parts, () => true))
    if (fields.size === 0 || action !== 'ALLOW') tcp.push(ruleOf(name, parts, ({ http }) => !http))
    if (fields.size > 0) needingHttp.push({ fields: [...fields], ports: portsOf(rule) })
  }
  return { http, tcp, needingHttp }
}

interface Parts {
  readonly from: readonly (readonly Asked[])[]
  readonly to: readonly (readonly Asked[])[]
  readonly when: readonly Asked[]
}

function partsOf({ from, to, when }: PolicyRule, context: PolicyContext): Parts {
  return {
    from: from.map((source) => askedOfSource(source, context)),
    to: to.map(askedOfOperation),
    when: when.flatMap(askedOfCondition),
  }
}

function httpFields({ from, to, when }: Parts): readonly string[] {
  return [...from, ...to, when].flat().flatMap(({ http, field }) => (http ? [field] : []))
}

function ruleOf(name: string, { from, to, when }: Parts, taken: (asked: Asked) => boolean): Rule {
  const side = (entries: readonly (readonly Asked[])[], of: Asked['side']): readonly Matcher[] => {
    const conditions = matchersOf(when.filter((asked) => asked.side === of).filter(taken))
    const alternatives = entries.map((entry) => all(matchersOf(entry.filter(taken))))
    if (conditions.length === 0) return alternatives.length === 0 ? [ANYTHING] : alternatives
    return [all([alternatives.length === 0 ? ANYTHING : any(alternatives), ...conditions])]
  }
  return { name, permissions: side(to, 'permission'), principals: side(from, 'principal') }
}

function matchersOf(asked: readonly Asked[]): readonly Matcher[] {
  return asked.map(({ matcher }) => matcher)
}

function portsOf({ to }: PolicyRule): ReadonlySet<number> | undefined {
  const named = to.map(({ ports }) => ports?.values ?? [])
  return to.length === 0 || named.some((ports) => ports.length === 0) ? undefined : new Set(named.flat())
}
