import type { FastifyInstance } from 'fastify'
import { failure } from './failure.ts'
import type { MeshOverview } from './overview.ts'
import { nameParameter, onlyParameters, type Query } from './parameters.ts'

/** `/api/services/NAMESPACE/NAME`: a Service with its ports, the rules of their routes and every endpoint. */
export function servicePage(app: FastifyInstance, mesh: Pick<MeshOverview, 'services'>): void {
  app.get('/api/services/:namespace/:name', (request, reply) => {
    onlyParameters(request.query as Query, [])
    const of = request.params as Query
    const namespace = nameParameter(of, 'namespace')
    const name = nameParameter(of, 'name')
    const found = mesh.services().find((one) => one.namespace === namespace && one.name === name)
    if (found) return void reply.send(found)
    void reply.code(404).send(failure('api.no_service', 'there is no such Service', 'name'))
  })
}
