import type { Action, Rule, RuleSet, Stage } from '../../../core/authorization/rules.ts'
import { packAny } from '../../../core/xds/any.ts'
import {
  HttpRbac,
  NetworkRbac,
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

/** One filter a stage, for chains of requests. */
export function httpAuthorization(rules: RuleSet): readonly HttpFilter[] {
  return rules.map((stage) => ({
    name: `envoy.filters.http.rbac/${stage.action.toLowerCase()}`,
    typedConfig: packAny(HttpRbac, rbac(stage)),
  }))
}

/** The same for chains of connections. */
export function networkAuthorization(rules: RuleSet): readonly Filter[] {
  return rules.map((stage) => ({
    name: `envoy.filters.network.rbac/${stage.action.toLowerCase()}`,
    typedConfig: packAny(NetworkRbac, { ...rbac(stage), statPrefix: STAT_PREFIX }),
  }))
}

function rbac({ action, enforced, shadow }: Stage): Pick<HttpRbac, 'rules' | 'shadowRules'> {
  return {
    ...(enforced ? { rules: policies(action, enforced) } : {}),
    ...(shadow ? { shadowRules: policies(action, shadow) } : {}),
  }
}

function policies(action: Action, rules: readonly Rule[]): RBAC {
  const entries = rules.map((rule) => [
    rule.name,
    { permissions: rule.permissions.map(permission), principals: rule.principals.map(principal) },
  ])
  return { action: ACTIONS[action], policies: Object.fromEntries(entries) as RBAC['policies'] }
}

/** Whether somebody is refused by it. */
export function refuses(rules: RuleSet): boolean {
  return rules.some(({ action, enforced }) => action !== 'AUDIT' && enforced !== undefined)
}
