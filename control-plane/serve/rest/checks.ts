import type { FastifyInstance } from 'fastify'
import type { Checks } from '../../../core/api/checks.ts'
import type { MeshFacts } from '../answers/mesh-facts.ts'
import { failure } from './failure.ts'
import { namespaceParameter, onlyParameters, type Query } from './parameters.ts'

/**
 * `GET /api/checks[?namespace]`: everything that the checker of the configuration finds, in what was told and in traffic, of all
 * replicas. Of a namespace: its objects and the Namespace itself.
 */
export function checksPage(app: FastifyInstance, facts: Pick<MeshFacts, 'checks'>): void {
  app.get('/api/checks', async (request, reply) => {
    const query = request.query as Query
    onlyParameters(query, ['namespace'])
    const namespace = namespaceParameter(query, 'namespace')
    const found = await facts.checks()
    if (!found) return reply.code(404).send(failure('api.not_found', 'there is no such page', undefined))
    const { coverage, checks } = found
    const answer: Checks = {
      coverage,
      checks: checks.filter(
        (one) =>
          namespace === undefined ||
          one.namespace === namespace ||
          (one.kind === 'Namespace' && one.name === namespace),
      ),
    }
    return reply.send(answer)
  })
}
