import type { Coverage } from '../../core/api/coverage.ts'
import { WeftError } from '../../core/errors.ts'
import type { MeshApi, PageQuery } from '../mesh/mesh-api.ts'

/**
 * A page that one replica answers for all, as it is in core/api. A replica that speaks for fewer than there are is told of by the
 * coverage. Throws WeftError `mesh.*` where none answers, or has no such page.
 */
export async function coveredPage<T extends { readonly coverage: Coverage }>(
  mesh: Pick<MeshApi, 'askAny'>,
  page: string,
  query: PageQuery,
): Promise<T> {
  const { body, replica, replicas } = await mesh.askAny(page, query)
  if (body === undefined)
    throw new WeftError('mesh.old', `${replica} has no page ${page}: it is of a version before it`)
  // As the control plane of this release gives it.
  const answer = body as unknown as T
  const { answered, missing } = answer.coverage
  const unheard = replicas - answered - missing.length
  if (unheard <= 0) return answer
  const reason = `it speaks for ${answered} of ${replicas} replicas`
  return {
    ...answer,
    coverage: { answered, missing: [...missing, { replica: `${unheard} others`, reason }] },
  }
}
