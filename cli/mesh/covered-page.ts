import type { Coverage } from '../../core/api/coverage.ts'
import { WeftError } from '../../core/errors.ts'
import type { MeshApi, PageQuery } from './mesh-api.ts'

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
  // Of a server that is asked in place of replicas, none of them has more to say.
  const { source } = (answer.coverage as Coverage | undefined) ?? {}
  if (source && source.failed === undefined) return answer
  // Of a version before this page spoke for all, there is none.
  const { answered, missing } = (answer.coverage as Coverage | undefined) ?? { answered: 1, missing: [] }
  const unheard = replicas - answered - missing.length
  if (unheard <= 0) return { ...answer, coverage: { answered, missing, ...(source && { source }) } }
  const reason = `it speaks for ${answered} of ${replicas} replicas`
  return {
    ...answer,
    coverage: {
      answered,
      missing: [...missing, { replica: `${unheard} others`, reason }],
      ...(source && { source }),
    },
  }
}
