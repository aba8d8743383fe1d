import type { FastifyInstance } from 'fastify'
import type { SeriesSubject } from '../../../core/api/traffic.ts'
import type { TelemetryPagesOptions } from './graph-page.ts'
import {
  boundedText,
  countParameter,
  onlyParameters,
  requiredText,
  wordParameter,
  type Query,
} from './parameters.ts'
import { RANGE_PARAMETERS, rangeParameter } from './range-parameter.ts'

const POINTS = 120
const MOST_POINTS = 1000
const SUBJECTS = ['service', 'workload', 'edge', 'backend'] as const
/** What names a subject, beside which nothing else may. */
const NAMED_BY = {
  service: ['name'],
  workload: ['name'],
  edge: ['source', 'target'],
  backend: ['route', 'cluster'],
} as const

/** `/api/series`: how one thing did over time (core/api/traffic.ts). */
export function seriesPage(app: FastifyInstance, { answers, clock }: TelemetryPagesOptions): void {
  app.get('/api/series', (request) => {
    const query = request.query as Query
    const of = wordParameter(query, 'of', SUBJECTS)
    onlyParameters(query, [...RANGE_PARAMETERS, 'of', 'points', ...NAMED_BY[of]])
    const range = rangeParameter(query, clock.now())
    return answers.series(subjectOf(query, of), range, countParameter(query, 'points', POINTS, MOST_POINTS))
  })
}

function subjectOf(query: Query, of: (typeof SUBJECTS)[number]): SeriesSubject {
  const name = (parameter: string): string => requiredText(query, parameter)
  switch (of) {
    case 'service':
    case 'workload':
      return { of, name: name('name') }
    case 'edge':
      // Whoever has no identity of the mesh is ''.
      return { of, source: boundedText(query, 'source') ?? '', target: name('target') }
    case 'backend':
      return { of, route: name('route'), cluster: name('cluster') }
  }
}
