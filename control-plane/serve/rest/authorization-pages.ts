import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../../core/clock.ts'
import type { MeshFacts } from '../answers/mesh-facts.ts'
import { OBSERVED_HOURS } from '../telemetry/observed-store.ts'
import { failure } from './failure.ts'
import type { MeshOverview } from './overview.ts'
import {
  countParameter,
  nameParameter,
  namespaceParameter,
  onlyParameters,
  portParameter,
  traceIdParameter,
  type Query,
} from './parameters.ts'

export interface AuthorizationPagesOptions {
  readonly mesh: Pick<MeshOverview, 'authorization' | 'targets'>
  readonly facts: Pick<MeshFacts, 'refusals' | 'refusalCounts' | 'observed'>
  readonly clock: Clock
}

/** Seconds over which refusals are counted for the dashboard. */
const COUNTED_SECONDS = 300
const MOST_COUNTS = 100
const MOST_REFUSALS = 1000
const A_WEEK_SECONDS = 7 * 24 * 3600

/**
 * Who may, and who was refused, under /api/authorization: `workloads/NAMESPACE/POD` (what holds for a pod),
 * `targets/NAMESPACE/NAME/PORT` (the pods behind a Service's port), and of all replicas `decisions` (the newest refusals),
 * `denials` (their counts) and `observed` (who called).
 */
export function authorizationPages(app: FastifyInstance, options: AuthorizationPagesOptions): void {
  const { mesh, facts, clock } = options
  app.get('/api/authorization/workloads/:namespace/:pod', (request, reply) => {
    onlyParameters(request.query as Query, [])
    const of = request.params as Query
    const found = mesh.authorization(nameParameter(of, 'namespace'), nameParameter(of, 'pod'))
    if (found) return void reply.send(found)
    void reply.code(404).send(failure('api.no_pod', 'there is no such pod with a sidecar', 'pod'))
  })
  app.get('/api/authorization/targets/:namespace/:name/:port', (request, reply) => {
    onlyParameters(request.query as Query, [])
    const of = request.params as Query
    void reply.send(
      mesh.targets(nameParameter(of, 'namespace'), nameParameter(of, 'name'), portParameter(of, 'port')),
    )
  })
  app.get('/api/authorization/decisions', (request) => {
    const query = request.query as Query
    onlyParameters(query, ['reference', 'namespace', 'since', 'limit'])
    const reference = query['reference']
    const since = query['since'] === undefined ? undefined : countParameter(query, 'since', 1, A_WEEK_SECONDS)
    return facts.refusals({
      reference: reference === undefined ? undefined : traceIdParameter(reference, 'reference'),
      namespace: query['namespace'] === undefined ? undefined : nameParameter(query, 'namespace'),
      since: since === undefined ? undefined : clock.now() - since * 1000,
      limit: countParameter(query, 'limit', 50, MOST_REFUSALS),
    })
  })
  app.get('/api/authorization/denials', (request) => {
    onlyParameters(request.query as Query, [])
    return facts
      .refusalCounts(clock.now() - COUNTED_SECONDS * 1000, MOST_COUNTS)
      .then((counted) => ({ windowSeconds: COUNTED_SECONDS, ...counted }))
  })
  app.get('/api/authorization/observed', (request, reply) => {
    const query = request.query as Query
    onlyParameters(query, ['namespace', 'since'])
    const now = clock.now()
    const seconds = countParameter(query, 'since', OBSERVED_HOURS * 3600, OBSERVED_HOURS * 3600)
    const namespace = namespaceParameter(query, 'namespace')
    return facts
      .observed({ namespace, sinceMs: now - seconds * 1000, now })
      .then(
        (found) =>
          found ?? reply.code(404).send(failure('api.not_found', 'there is no such page', undefined)),
      )
  })
}
