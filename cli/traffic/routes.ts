import type { RouteRow } from '../../control-plane/serve/rest/routes.ts'
import type { Coverage } from '../../core/api/coverage.ts'
import { tellMissing } from '../mesh/coverage-text.ts'
import { coveredPage } from '../mesh/covered-page.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { runMeshCommand, type Told } from '../mesh/mesh-command.ts'
import { namespaceOf } from '../mesh/namespace-value.ts'
import { fittedTable, widthOf, type Cell } from '../terminal/fitted-table.ts'
import { painterFor } from '../terminal/painter.ts'
import { durationText, rateText, shareText } from './figures.ts'
import { ROUTES_COMMAND } from './stat-command.ts'
import { watching } from './watch.ts'

/** `/api/routes` */
interface Routes {
  readonly coverage: Coverage
  readonly windowSeconds: number
  readonly routes: readonly RouteRow[]
}

/** `weft routes`. Resolves to the exit code. */
export function runRoutes(argv: readonly string[]): Promise<number> {
  return runMeshCommand(ROUTES_COMMAND, argv, async ({ values, mesh }) => {
    const namespace = namespaceOf(values)
    const api = await mesh()
    const ask = (): Promise<Told> => routesTold(api, namespace, undefined)
    return values.watch ? watching(ask, values.json) : ask()
  })
}

/** `name`: of a route, or of the Service that it hangs on. */
export async function routesTold(
  mesh: MeshApi,
  namespace: string | undefined,
  name: string | undefined,
): Promise<Told> {
  const { coverage, windowSeconds, routes } = await coveredPage<Routes>(mesh, 'routes', {})
  const wanted = routes.filter(({ name: rule, parent }) => {
    const [, of = '', route = ''] = rule.split('/')
    const [, service = ''] = parent.split('/')
    return (
      (namespace === undefined || of === namespace) &&
      (name === undefined || [route, service, `${route}.${of}`, `${service}.${of}`].includes(name))
    )
  })
  tellMissing(coverage)
  return { text: routesText(wanted), json: { coverage, windowSeconds, routes: wanted }, code: 0 }
}

function routesText(routes: readonly RouteRow[]): string {
  if (routes.length === 0) return 'there is no route: each Service gets its own requests\n'
  const rows = routes.flatMap(({ name, parent, consumer, matches, action, rate, backends }): Cell[][] => {
    const first = [name, consumer === '' ? parent : `${parent} (${consumer})`, matches.join(', ')]
    if (backends.length === 0) return [[...first, action, '', '', rateText(rate), '-', '-']]
    return backends.map((backend, index) => [
      ...(index === 0 ? first : ['', '', '']),
      backend.cluster === '' ? { text: '(invalid)', style: 'red' } : backend.cluster,
      `${Math.round(backend.percent)}%`,
      backend.observedPercent === null ? '-' : `${Math.round(backend.observedPercent)}%`,
      rateText(backend.rate),
      backend.successRate !== null && backend.successRate < 0.99
        ? { text: shareText(backend.successRate), style: 'red' }
        : shareText(backend.successRate),
      durationText(backend.p95Ms),
    ])
  })
  const columns = [
    { title: 'RULE', least: 12 },
    { title: 'PARENT', least: 10 },
    { title: 'MATCHES', least: 8 },
    { title: 'BACKEND', least: 10 },
    { title: 'SHARE', right: true },
    { title: 'SEEN', right: true },
    { title: 'RATE', right: true },
    { title: 'SUCCESS', right: true },
    { title: 'P95', right: true },
  ] as const
  return fittedTable(columns, rows, painterFor(process.stdout), widthOf(process.stdout))
}
