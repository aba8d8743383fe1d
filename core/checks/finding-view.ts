import type { CheckFinding } from '../api/checks.ts'
import type { Problem } from '../problem.ts'

/** A finding as it is told to programs. */
export function findingView(problem: Problem): CheckFinding {
  const { code, severity, kind, namespace, name, field, message, effect = '', remedy } = problem
  const { file, line, column } = problem
  return { code, severity, kind, namespace, name, field, message, effect, remedy, file, line, column }
}
