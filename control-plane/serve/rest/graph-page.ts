import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../../core/clock.ts'
import type { MeshAnswers } from '../answers/mesh-answers.ts'
import { namespaceParameter, onlyParameters, type Query } from './parameters.ts'
import { RANGE_PARAMETERS, rangeParameter } from './range-parameter.ts'

export interface TelemetryPagesOptions {
  readonly answers: MeshAnswers
  readonly clock: Clock
}

/** `/api/graph`: what calls what (core/api/traffic.ts). */
export function graphPage(app: FastifyInstance, { answers, clock }: TelemetryPagesOptions): void {
  app.get('/api/graph', (request) => {
    const query = request.query as Query
    onlyParameters(query, [...RANGE_PARAMETERS, 'namespace'])
    return answers.graph(rangeParameter(query, clock.now()), namespaceParameter(query, 'namespace'))
  })
}
