import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../../core/clock.ts'
import { inTurns } from '../../../core/in-turns.ts'
import { coverageOf } from '../answers/ask-all.ts'
import type { CoveredSource } from '../answers/mesh-answers.ts'
import type { MeshFacts } from '../answers/mesh-facts.ts'
import { knownEnd } from '../answers/time-grid.ts'
import type { MeshOverview } from './overview.ts'
import { onlyParameters, type Query } from './parameters.ts'
import { routeRows, SPLIT_SECONDS } from './routes.ts'
import { serviceRows, WINDOW_SECONDS } from './services.ts'

export interface TrafficPagesOptions {
  readonly mesh: Pick<MeshOverview, 'services'>
  readonly source: Pick<CoveredSource, 'counts'>
  readonly facts: Pick<MeshFacts, 'heard'>
  readonly clock: Clock
}

/** `/api/services` and `/api/routes`: what is declared, with what all replicas were told of the last seconds. */
export function trafficPages(
  app: FastifyInstance,
  { mesh, source, facts, clock }: TrafficPagesOptions,
): void {
  const counted = (seconds: number): ReturnType<CoveredSource['counts']> => {
    const to = knownEnd(clock.now())
    return source.counts({ from: to - seconds * 1000, to })
  }
  const services = async (): Promise<object> => {
    const [{ value, coverage }, known] = await Promise.all([counted(WINDOW_SECONDS), facts.heard()])
    return {
      coverage: coverageOf(coverage, known.coverage),
      windowSeconds: WINDOW_SECONDS,
      services: await inTurns(serviceRows(mesh.services(), value.counts, known.heard)),
    }
  }
  const routes = async (): Promise<object> => {
    const { value, coverage } = await counted(SPLIT_SECONDS)
    return { coverage, windowSeconds: SPLIT_SECONDS, routes: routeRows(mesh.services(), value.counts) }
  }
  app.get('/api/services', (request) => {
    onlyParameters(request.query as Query, [])
    return services()
  })
  app.get('/api/routes', (request) => {
    onlyParameters(request.query as Query, [])
    return routes()
  })
}
