import type { CheckFinding, Checks } from '../../../core/api/checks.ts'
import type { Problem } from '../ask/pages.ts'

const ORDER: Readonly<Record<CheckFinding['severity'], number>> = { error: 0, warning: 1, info: 2 }

/** Findings of the checks, or of an older control plane its problems; the worst first. Undefined: neither is known. */
export function findingsOf(
  checks: Checks | undefined,
  problems: readonly Problem[] | undefined,
): readonly CheckFinding[] | undefined {
  const found =
    checks?.checks ?? problems?.map((problem) => ({ code: '', ...problem, effect: problem.effect ?? '' }))
  return found?.toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity])
}
