import type { Problem } from '../../core/problem.ts'
import type { CheckCode } from '../../core/checks/catalog.ts'
import { EFFECT_OF_A_POLICY } from '../model/effect.ts'
import type { Mesh } from '../model/mesh.ts'
import type { PolicyProblem } from '../model/policy-problem.ts'

const CODES: Readonly<Record<PolicyProblem['reason'], CheckCode>> = {
  Conflicted: 'WEFT0301',
  HttpFieldsOnTcpPort: 'WEFT0302',
  Invalid: 'WEFT0303',
  KeysNotFetched: 'WEFT0304',
  NothingSelected: 'WEFT0305',
  OtherNamespace: 'WEFT0306',
  TargetNotFound: 'WEFT0307',
  UnsupportedValue: 'WEFT0308',
}

/** Policies that are not, or not wholly, in force for one of their targets. */
export function policyProblems({ policyProblems: found }: Pick<Mesh, 'policyProblems'>): Problem[] {
  return found.map(({ kind, namespace, name, field, reason, message, remedy, effect }) => ({
    code: CODES[reason],
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
