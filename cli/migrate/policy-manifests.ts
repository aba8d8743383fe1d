import { readMeshObject } from '../../control-plane/registry/parse-manifests.ts'
import type { FieldProblem } from '../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../injector/json-patch.ts'
import type { KnownObjects } from './known-objects.ts'
import { weftManifest, type Manifest, type ObjectId } from './manifests.ts'

/** Of an AuthorizationPolicy, and of `from` and `to` of a rule of it. */
const MOST_RULES = 64
const MOST_ENTRIES = 16

/** A rule of an AuthorizationPolicy; what is left out holds for everything. */
export interface PolicyRule {
  readonly from?: readonly JsonObject[]
  readonly to?: readonly JsonObject[]
  readonly when?: readonly JsonObject[]
}

/**
 * One AuthorizationPolicy, or several where there are more rules than one may have; none of its rules may be left out.
 * `rules` undefined: nothing is allowed.
 */
export function authorizationPolicies(
  id: ObjectId,
  spec: JsonObject,
  rules: readonly PolicyRule[] | undefined,
  known: KnownObjects,
): readonly Manifest[] {
  const claimed = (more: JsonObject): Manifest => {
    const name = known.claim('AuthorizationPolicy', id)
    return weftManifest('AuthorizationPolicy', { ...id, name }, { ...spec, ...more })
  }
  if (rules === undefined) return [claimed({})]
  const all = rules.flatMap((rule) => withinLimits(rule))
  return chunks(all, MOST_RULES).map((part) => claimed({ rules: part }))
}

/** Entries of `from` and of `to` are alternatives, so that rules for parts of them say the same. */
function withinLimits({ from = [], to = [], when = [] }: PolicyRule): readonly JsonObject[] {
  return chunks(from, MOST_ENTRIES).flatMap((sources) =>
    chunks(to, MOST_ENTRIES).map((operations) => ({
      ...(sources.length > 0 && { from: [...sources] }),
      ...(operations.length > 0 && { to: [...operations] }),
      ...(when.length > 0 && { when: [...when] }),
    })),
  )
}

/** At least one, which may be empty. */
function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.max(1, Math.ceil(items.length / size))
  return Array.from({ length: count }, (_, at) => items.slice(at * size, (at + 1) * size))
}

/** What the control plane would not take in a rule, by paths below the rule. */
export function ruleProblems(rule: PolicyRule): readonly FieldProblem[] {
  return withinLimits(rule).flatMap((part) => {
    const value = weftManifest('AuthorizationPolicy', { namespace: 'a', name: 'a' }, { rules: [part] })
    return readMeshObject({ value }).problems.map(({ path, ...problem }) => ({
      ...problem,
      path: path.slice('spec.rules.0'.split('.').length),
    }))
  })
}
