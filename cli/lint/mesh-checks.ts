import type { Checks } from '../../core/api/checks.ts'
import { coveredPage } from '../mesh/covered-page.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'

/** What the control planes of a mesh find, as one. Throws WeftError `mesh.*` where none can say. */
export function meshChecks(mesh: Pick<MeshApi, 'askAny'>, namespace: string | undefined): Promise<Checks> {
  return coveredPage<Checks>(mesh, 'checks', namespace === undefined ? {} : { namespace })
}
