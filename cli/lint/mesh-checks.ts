import type { CheckFinding, Checks } from '../../core/api/checks.ts'
import type { Coverage } from '../../core/api/coverage.ts'
import { WeftError } from '../../core/errors.ts'
import type { Answer, MeshApi } from '../mesh/mesh-api.ts'

/** What a replica finds because it saw nothing: another may have. */
const BY_ABSENCE: ReadonlySet<string> = new Set(['WEFT0602', 'WEFT0701'])

/** What the control planes of a mesh find, as one. Throws WeftError `mesh.*` where none can say. */
export async function meshChecks(mesh: MeshApi, namespace: string | undefined): Promise<Checks> {
  const answers = await mesh.ask('checks', namespace === undefined ? {} : { namespace })
  return mergedChecks(answers)
}

/** Of several replicas: what any found, but of what is found by absence only what all found, and nothing where one is silent. */
export function mergedChecks(answers: readonly Answer[]): Checks {
  const given = answers.flatMap(({ body }) => (body === undefined ? [] : [body as unknown as Checks]))
  if (given.length === 0)
    throw new WeftError(
      'mesh.old',
      'the control planes have no page of checks: they are of a version before it; lint manifests by -f',
    )
  const missing = [
    ...answers
      .filter(({ body }) => body === undefined)
      .map(({ replica, error = 'it has no such page' }) => ({ replica, reason: error })),
    ...given.flatMap(({ coverage }) => coverage.missing),
  ]
  const counts = new Map<string, { readonly finding: CheckFinding; readonly by: number }>()
  for (const { checks } of given)
    for (const finding of checks) {
      const key = keyOf(finding)
      counts.set(key, { finding: counts.get(key)?.finding ?? finding, by: (counts.get(key)?.by ?? 0) + 1 })
    }
  const checks = [...counts.values()]
    .filter(
      ({ finding, by }) => !BY_ABSENCE.has(finding.code) || (by === given.length && missing.length === 0),
    )
    .map(({ finding }) => finding)
  const coverage: Coverage = { answered: given.reduce((sum, one) => sum + one.coverage.answered, 0), missing }
  return { coverage, checks }
}

/** What counts may differ in between replicas. */
function keyOf({ code, kind, namespace, name, field, message }: CheckFinding): string {
  return JSON.stringify([code, kind, namespace, name, field, message.replaceAll(/\d+/g, '#')])
}
