import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AllAnswers } from '../answers/ask-all.ts'
import { proxiesOf, type MeshFacts } from '../answers/mesh-facts.ts'
import type { Standing } from '../answers/replica-facts.ts'
import type { AccessGuard } from './access-guard.ts'
import type { MeshOverview, ProxyView } from './overview.ts'
import { flagParameter, onlyParameters, type Query } from './parameters.ts'

export interface MeshPagesOptions {
  readonly mesh: MeshOverview
  readonly facts: Pick<MeshFacts, 'standings'>
  readonly guard: AccessGuard
}

/** `/api/mesh`, `/api/proxies` and `/api/problems`, of proxies of all replicas. */
export function meshPages(app: FastifyInstance, { mesh, facts, guard }: MeshPagesOptions): void {
  const ofMesh = async (request: FastifyRequest): Promise<object> => ({
    ...(await meshFacts(mesh, facts)),
    may: await guard.may(request),
  })
  const proxies = async (): Promise<object> => {
    const standings = await facts.standings()
    return { coverage: standings.coverage, proxies: proxiesOf(standings) }
  }
  const problems = async (own: boolean): Promise<object> => {
    const standings = await facts.standings()
    return { coverage: standings.coverage, problems: mesh.problems(own, proxiesOf(standings)) }
  }
  app.get('/api/mesh', (request) => {
    onlyParameters(request.query as Query, [])
    return ofMesh(request)
  })
  app.get('/api/proxies', (request) => {
    onlyParameters(request.query as Query, [])
    return proxies()
  })
  app.get('/api/problems', (request) => {
    const query = request.query as Query
    onlyParameters(query, ['own'])
    return problems(flagParameter(query, 'own'))
  })
}

/** What /api/mesh says to everybody: the mesh as the replica that answers has it, and what all replicas are and hold. */
export async function meshFacts(mesh: MeshOverview, facts: Pick<MeshFacts, 'standings'>): Promise<object> {
  const standings = await facts.standings()
  const proxies = proxiesOf(standings)
  const [own] = standings.answers
  const problems = mesh.problems(false, proxies)
  const errors = problems.filter(({ severity }) => severity === 'error').length
  return {
    coverage: standings.coverage,
    release: own?.value.release,
    startedAt: own?.value.startedAt,
    version: mesh.version(),
    trustDomain: mesh.trustDomain,
    issuer: issuerOf(standings),
    services: mesh.services().length,
    proxies: {
      connected: distinct(proxies),
      expected: mesh.workloads(),
      rejecting: distinct(proxies.filter(({ rejected }) => rejected !== '')),
    },
    problems: { errors, warnings: problems.length - errors },
    telemetry: sumOf(standings),
    replicas: standings.answers.map(({ replica, value }) => ({
      replica,
      release: value.release,
      startedAt: value.startedAt,
      version: value.version,
      proxies: value.proxies.length,
      issuer: value.issuer,
    })),
  }
}

/** While a proxy changes over, two replicas may tell of it. */
function distinct(proxies: readonly ProxyView[]): number {
  return new Set(proxies.map(({ node }) => node)).size
}

/** Certificates that one replica cannot give are not given to its proxies: the one in trouble is told of. */
function issuerOf({ answers }: AllAnswers<Standing>): Standing['issuer'] {
  const issuers = answers.map(({ value }) => value.issuer)
  return issuers.find((one) => one !== null && one.trouble !== null) ?? issuers[0] ?? null
}

function sumOf({ answers }: AllAnswers<Standing>): Standing['telemetry'] {
  const sum = (field: keyof Standing['telemetry']): number =>
    answers.reduce((all, { value }) => all + value.telemetry[field], 0)
  return {
    traces: sum('traces'),
    traceBytes: sum('traceBytes'),
    series: sum('series'),
    refused: sum('refused'),
  }
}
