import type { Kind } from '../../../core/authorization/condition.ts'
import type { Action, Rule, Stage } from '../../../core/authorization/rules.ts'
import type { RBAC, RBAC_Action } from '../../../core/xds/generated/envoy.js'
import type { Scope } from '../../xds/scope.ts'
import { readPermission } from './read-permission.ts'
import { readPrincipal } from './read-principal.ts'

const ACTIONS: Readonly<Record<RBAC_Action, Action>> = { ALLOW: 'ALLOW', DENY: 'DENY', LOG: 'AUDIT' }

/** The two sets of rules that a filter of requests and one of connections both have. */
export interface RbacRules {
  readonly rules?: RBAC | undefined
  readonly shadowRules?: RBAC | undefined
}

/** One filter is one stage. Whatever in it a proxy can't decide on is refused by its path: it would be a rule that is not kept. */
export function readStage({ rules, shadowRules }: RbacRules, kind: Kind, scope: Scope): Stage {
  if (!rules && !shadowRules) scope.fail('needs rules or shadow_rules')
  const action = actionOf(rules ?? shadowRules)
  if (rules && shadowRules && actionOf(shadowRules) !== action)
    scope.at('shadow_rules').at('action').fail('must be that of the rules')
  return {
    action,
    enforced: rules && readRules(rules, kind, scope.at('rules')),
    shadow: shadowRules && readRules(shadowRules, kind, scope.at('shadow_rules')),
  }
}

function actionOf(rules: RBAC | undefined): Action {
  return ACTIONS[rules?.action ?? 'ALLOW']
}

function readRules({ policies = {} }: RBAC, kind: Kind, scope: Scope): Rule[] {
  return Object.entries(policies).map(([name, { permissions = [], principals = [] }]) => {
    const at = scope.at(`policies[${name}]`)
    return {
      name,
      permissions: permissions.map((one, i) => readPermission(one, kind, at.at('permissions', i))),
      principals: principals.map((one, i) => readPrincipal(one, kind, at.at('principals', i))),
    }
  })
}
