import type { FastifyInstance } from 'fastify'
import type { MeshAnswers } from '../answers/mesh-answers.ts'
import type { MeshOverview } from './overview.ts'
import { namespaceParameter, onlyParameters, type Query } from './parameters.ts'

/** `/api/sidecars`: how they are, those of all replicas and those that ask none (core/api/sidecars.ts). */
export function sidecarsPage(
  app: FastifyInstance,
  { answers, mesh }: { readonly answers: MeshAnswers; readonly mesh: Pick<MeshOverview, 'pods'> },
): void {
  app.get('/api/sidecars', (request) => {
    const query = request.query as Query
    onlyParameters(query, ['namespace'])
    return answers.sidecars(mesh.pods(), namespaceParameter(query, 'namespace'))
  })
}
