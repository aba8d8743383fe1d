import type { FastifyInstance } from 'fastify'
import type { Checks } from '../../../core/api/checks.ts'
import { findingView } from '../../../core/checks/finding-view.ts'
import type { Problem } from '../../../core/problem.ts'
import { namespaceParameter, onlyParameters, type Query } from './parameters.ts'

/**
 * `GET /api/checks[?namespace]`: everything that the checker of the configuration finds, in what was told and in traffic. Of a
 * namespace: its objects and the Namespace itself.
 */
export function checksPage(app: FastifyInstance, checks: () => readonly Problem[]): void {
  app.get('/api/checks', (request, reply) => {
    const query = request.query as Query
    onlyParameters(query, ['namespace'])
    const namespace = namespaceParameter(query, 'namespace')
    const found = checks().filter(
      (one) =>
        namespace === undefined ||
        one.namespace === namespace ||
        (one.kind === 'Namespace' && one.name === namespace),
    )
    const answer: Checks = { coverage: { answered: 1, missing: [] }, checks: found.map(findingView) }
    void reply.send(answer)
  })
}
