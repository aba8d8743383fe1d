import type { FastifyInstance } from 'fastify'
import type { TraceQuery } from '../telemetry/trace-query.ts'
import { noTrace } from './no-trace.ts'
import type { TelemetryPagesOptions } from './graph-page.ts'
import {
  boundedText,
  countParameter,
  durationParameter,
  flagParameter,
  namespaceParameter,
  onlyParameters,
  serviceParameter,
  statusParameter,
  traceIdParameter,
  type Query,
} from './parameters.ts'
import { RANGE_PARAMETERS, rangeParameter } from './range-parameter.ts'

const TRACES = 50
const MOST_TRACES = 1000
const PARAMETERS = [
  ...RANGE_PARAMETERS,
  'service',
  'namespace',
  'route',
  'status',
  'flag',
  'identity',
  'method',
  'path',
  'min',
  'max',
  'failed',
  'limit',
]

/** `/api/traces`, which is searched, and `/api/traces/ID` (core/api/traces.ts). */
export function tracesPage(app: FastifyInstance, { answers, clock }: TelemetryPagesOptions): void {
  app.get('/api/traces', (request) => {
    const query = request.query as Query
    onlyParameters(query, PARAMETERS)
    return answers.traces(traceQuery(query, clock.now()))
  })
  app.get('/api/traces/:id', (request, reply) => {
    onlyParameters(request.query as Query, [])
    const id = traceIdParameter((request.params as Readonly<Record<string, unknown>>)['id'], 'id')
    return answers.trace(id).then(({ trace, coverage }) => trace ?? reply.code(404).send(noTrace(coverage)))
  })
}

function traceQuery(query: Query, now: number): TraceQuery {
  const { from, to } = rangeParameter(query, now)
  return {
    from,
    // Clocks of reporters may be a little ahead: what came just now is not to be missing.
    to: to === now ? now + A_CLOCKS_ERROR_MS : to,
    service: serviceParameter(query, 'service'),
    namespace: namespaceParameter(query, 'namespace'),
    route: boundedText(query, 'route'),
    status: statusParameter(query, 'status'),
    flag: boundedText(query, 'flag'),
    identity: boundedText(query, 'identity'),
    method: boundedText(query, 'method'),
    path: boundedText(query, 'path'),
    min: durationParameter(query, 'min'),
    max: durationParameter(query, 'max'),
    failed: flagParameter(query, 'failed'),
    limit: countParameter(query, 'limit', TRACES, MOST_TRACES),
  }
}

const A_CLOCKS_ERROR_MS = 5000
