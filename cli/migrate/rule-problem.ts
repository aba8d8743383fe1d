import { Fields, formatPath, type FieldProblem } from '../../control-plane/registry/fields.ts'
import { readHttpRoute } from '../../control-plane/registry/kinds/http-route.ts'
import type { RouteObject } from '../../control-plane/registry/kinds/route.ts'
import { translateRoute } from '../../control-plane/translate/rules.ts'
import type { JsonObject } from '../../injector/json-patch.ts'
import { routeManifest } from './manifests.ts'

/** Rules are read by themselves, without policies of their backends. */
export const NO_SESSIONS: Parameters<typeof translateRoute>[2] = new Map()

/** An HTTPRoute with one rule, as the control plane reads it. */
export function readRule(rule: JsonObject): {
  readonly route: RouteObject
  readonly problem: FieldProblem | undefined
} {
  const problems: FieldProblem[] = []
  const manifest = routeManifest('HTTPRoute', { namespace: 'any', name: 'any' }, { rules: [rule] })
  const route = readHttpRoute(new Fields(manifest, [], problems))
  return { route, problem: problems[0] }
}

/** Why the control plane would not take a rule of an HTTPRoute; undefined: it does. */
export function httpRuleProblem(rule: JsonObject): string | undefined {
  const { route, problem } = readRule(rule)
  if (problem) return `${formatPath(problem.path.slice(3))} ${problem.message}`
  return translateRoute(route, () => undefined, NO_SESSIONS).dropped[0]?.message
}
