import type { Coverage } from '../../core/api/coverage.ts'
import type { ObservedView } from '../../control-plane/serve/telemetry/observed-view.ts'
import { WeftError } from '../../core/errors.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { coveredPage } from '../mesh/covered-page.ts'

/** What the mesh saw, and which replicas did not answer, which may know what the others do not. */
export type Observed = ObservedView & { readonly coverage: Coverage }

/**
 * What all replicas saw of a namespace, or of all, in the last seconds. Throws WeftError `mesh.silent` where none answers, and
 * `policy.not_observed` where they are too old to know.
 */
export async function readObserved(
  api: Pick<MeshApi, 'askAny'>,
  namespace: string | undefined,
  sinceSeconds: number,
): Promise<Observed> {
  try {
    return await coveredPage<Observed>(api, 'authorization/observed', {
      ...(namespace !== undefined && { namespace }),
      since: String(sinceSeconds),
    })
  } catch (error) {
    if (!(error instanceof WeftError) || error.code !== 'mesh.old') throw error
    throw new WeftError(
      'policy.not_observed',
      'the control plane of this mesh keeps no observed calls: update it',
    )
  }
}
