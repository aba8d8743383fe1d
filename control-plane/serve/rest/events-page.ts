import type { FastifyInstance } from 'fastify'
import type { TelemetryPagesOptions } from './graph-page.ts'
import {
  countParameter,
  namespaceParameter,
  onlyParameters,
  serviceParameter,
  type Query,
} from './parameters.ts'
import { RANGE_PARAMETERS, rangeParameter } from './range-parameter.ts'

const EVENTS = 200
const MOST_EVENTS = 2000

/** `/api/events`: what happened to the mesh (core/api/traffic.ts). */
export function eventsPage(app: FastifyInstance, { answers, clock }: TelemetryPagesOptions): void {
  app.get('/api/events', (request) => {
    const query = request.query as Query
    onlyParameters(query, [...RANGE_PARAMETERS, 'namespace', 'service', 'limit'])
    const { from, to } = rangeParameter(query, clock.now())
    return answers.events({
      from,
      // What happens while it is asked, too.
      to: to + 1,
      namespace: namespaceParameter(query, 'namespace'),
      service: serviceParameter(query, 'service'),
      limit: countParameter(query, 'limit', EVENTS, MOST_EVENTS),
    })
  })
}
