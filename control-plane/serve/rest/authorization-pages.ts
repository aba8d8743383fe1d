import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../../core/clock.ts'
import type { DecisionStore } from '../telemetry/decision-store.ts'
import { failure } from './failure.ts'
import type { MeshOverview } from './overview.ts'
import {
  countParameter,
  nameParameter,
  onlyParameters,
  portParameter,
  traceIdParameter,
  type Query,
} from './parameters.ts'

export interface AuthorizationPagesOptions {
  readonly mesh: Pick<MeshOverview, 'authorization' | 'targets'>
  readonly decisions: DecisionStore
  readonly clock: Clock
}

/** Seconds over which refusals are counted for the dashboard. */
const COUNTED_SECONDS = 300
const MOST_COUNTS = 100
const MOST_REFUSALS = 1000
const A_WEEK_SECONDS = 7 * 24 * 3600

/**
 * Who may, and who was refused, under /api/authorization: `workloads/NAMESPACE/POD` (what holds for a pod),
 * `targets/NAMESPACE/NAME/PORT` (the pods behind a Service's port), `decisions` (the newest refusals) and `denials`
 * (their counts).
 */
export function authorizationPages(app: FastifyInstance, options: AuthorizationPagesOptions): void {
  const { mesh, decisions, clock } = options
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
  app.get('/api/authorization/decisions', (request, reply) => {
    const query = request.query as Query
    onlyParameters(query, ['reference', 'namespace', 'since', 'limit'])
    const reference = query['reference']
    const since = query['since'] === undefined ? undefined : countParameter(query, 'since', 1, A_WEEK_SECONDS)
    void reply.send({
      refusals: decisions.refusals({
        reference: reference === undefined ? undefined : traceIdParameter(reference, 'reference'),
        namespace: query['namespace'] === undefined ? undefined : nameParameter(query, 'namespace'),
        since: since === undefined ? undefined : clock.now() - since * 1000,
        limit: countParameter(query, 'limit', 50, MOST_REFUSALS),
      }),
    })
  })
  app.get('/api/authorization/denials', (request, reply) => {
    onlyParameters(request.query as Query, [])
    void reply.send({
      windowSeconds: COUNTED_SECONDS,
      denials: decisions.counts(clock.now() - COUNTED_SECONDS * 1000, MOST_COUNTS),
    })
  })
}
