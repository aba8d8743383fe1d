import type { CheckFinding } from '../../../core/api/checks.ts'
import type { Coverage } from '../../../core/api/coverage.ts'

/** What a replica finds because it saw nothing: another may have. */
const BY_ABSENCE: ReadonlySet<string> = new Set(['WEFT0602', 'WEFT0701'])

/** What several replicas found, as one: what any found, but of what is found by absence only what all found, and nothing where one is silent. */
export function mergedFindings(
  all: readonly (readonly CheckFinding[])[],
  { missing }: Coverage,
): readonly CheckFinding[] {
  const counts = new Map<string, { readonly finding: CheckFinding; readonly by: number }>()
  for (const findings of all)
    for (const finding of findings) {
      const key = keyOf(finding)
      counts.set(key, { finding: counts.get(key)?.finding ?? finding, by: (counts.get(key)?.by ?? 0) + 1 })
    }
  return [...counts.values()]
    .filter(({ finding, by }) => !BY_ABSENCE.has(finding.code) || (by === all.length && missing.length === 0))
    .map(({ finding }) => finding)
}

/** What counts may differ in between replicas. */
function keyOf({ code, kind, namespace, name, field, message }: CheckFinding): string {
  return JSON.stringify([code, kind, namespace, name, field, message.replaceAll(/\d+/g, '#')])
}
