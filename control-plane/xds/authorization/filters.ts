import type { Action, Rule, RuleSet, Stage } from '../../../core/authorization/rules.ts'
import { packAny } from '../../../core/xds/any.ts'
import { encodedOnce } from '../../../core/xds/codec.ts'
import {
  HttpRbac,
  NetworkRbac,
  Policy,
  type Filter,
  type HttpFilter,
  type RBAC,
} from '../../../core/xds/generated/envoy.js'
import { permission, principal } from './matchers.ts'

const ACTIONS: Readonly<Record<Action, NonNullable<RBAC['action']>>> = {
  AUDIT: 'LOG',
  DENY: 'DENY',
  ALLOW: 'ALLOW',
}
const STAT_PREFIX = 'weft'

/** One filter a stage, for chains of requests. Ports of a pod, and chains of a port, share what is asked. */
export const httpAuthorization = onceFor((rules: RuleSet): readonly HttpFilter[] =>
  rules.map((stage) => ({
    name: `envoy.filters.http.rbac/${stage.action.toLowerCase()}`,
    typedConfig: packAny(HttpRbac, rbac(stage)),
  })),
)

/** The same for chains of connections. */
export const networkAuthorization = onceFor((rules: RuleSet): readonly Filter[] =>
  rules.map((stage) => ({
    name: `envoy.filters.network.rbac/${stage.action.toLowerCase()}`,
    typedConfig: packAny(NetworkRbac, { ...rbac(stage), statPrefix: STAT_PREFIX }),
  })),
)

function rbac({ action, enforced, shadow }: Stage): Pick<HttpRbac, 'rules' | 'shadowRules'> {
  return {
    ...(enforced ? { rules: policies(action, enforced) } : {}),
    ...(shadow ? { shadowRules: policies(action, shadow) } : {}),
  }
}

function policies(action: Action, rules: readonly Rule[]): RBAC {
  const entries = rules.map((rule): [string, Policy] => [rule.name, policyOf(rule)])
  return { action: ACTIONS[action], policies: Object.fromEntries(entries) }
}

/** Many pods share a rule. */
const policyOf = onceFor((rule: Rule): Policy =>
  encodedOnce(Policy, {
    permissions: rule.permissions.map(permission),
    principals: rule.principals.map(principal),
  }),
)

function onceFor<K extends object, T>(make: (of: K) => T): (of: K) => T {
  const known = new WeakMap<K, { readonly value: T }>()
  return (of) => {
    let entry = known.get(of)
    if (!entry) known.set(of, (entry = { value: make(of) }))
    return entry.value
  }
}

/** Whether somebody is refused by it. */
export function refuses(rules: RuleSet): boolean {
  return rules.some(({ action, enforced }) => action !== 'AUDIT' && enforced !== undefined)
}
