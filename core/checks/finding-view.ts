import type { CheckFinding } from '../api/checks.ts'
import type { Problem } from '../problem.ts'

/** A finding as it is told to programs. */
export function findingView({ otherFile: _, effect = '', ...problem }: Problem): CheckFinding {
  return { ...problem, effect }
}
