import type { Problem } from '../../core/problem.ts'
import { EFFECT_OF_A_POLICY } from '../model/effect.ts'
import type { Mesh } from '../model/mesh.ts'

/** Policies that are not in force for one of their targets. */
export function policyProblems({ policyProblems: found }: Mesh): Problem[] {
  return found.map(({ kind, namespace, name, field, message, remedy }) => ({
    file: null,
    line: null,
    column: null,
    kind,
    namespace,
    name,
    field,
    severity: 'error',
    message,
    remedy,
    effect: EFFECT_OF_A_POLICY,
  }))
}
