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
  const found = async (namespace: string | undefined): Promise<Checks | undefined> => {
    const all = await facts.checks()
    if (!all || namespace === undefined) return all
    const checks = all.checks.filter(
      (one) => one.namespace === namespace || (one.kind === 'Namespace' && one.name === namespace),
    )
    return { coverage: all.coverage, checks }
  }
  app.get('/api/checks', (request, reply) => {
    const query = request.query as Query
    onlyParameters(query, ['namespace'])
    return found(namespaceParameter(query, 'namespace')).then(
      (checks) =>
        checks ?? reply.code(404).send(failure('api.not_found', 'there is no such page', undefined)),
    )
  })
}
