import type { Problem } from '../../core/problem.ts'
import { EFFECT_OF_A_POLICY } from '../model/effect.ts'
import type { Mesh } from '../model/mesh.ts'

/** Policies that are not, or not wholly, in force for one of their targets. */
export function policyProblems({ policyProblems: found }: Pick<Mesh, 'policyProblems'>): Problem[] {
  return found.map(({ kind, namespace, name, field, message, remedy, effect }) => ({
    file: null,
    line: null,
    column: null,
    kind,
    namespace,
    name,
    field,
    severity: effect === undefined ? 'error' : 'warning',
    message,
    remedy,
    effect: effect ?? EFFECT_OF_A_POLICY,
  }))
}
