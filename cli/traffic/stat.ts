import type { Graph, GraphNode, Health } from '../../core/api/traffic.ts'
import { WeftError } from '../../core/errors.ts'
import { tellMissing } from '../mesh/coverage-text.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { runMeshCommand, type Told } from '../mesh/mesh-command.ts'
import { namespaceOf } from '../mesh/namespace-value.ts'
import { fittedTable, widthOf } from '../terminal/fitted-table.ts'
import { painterFor } from '../terminal/painter.ts'
import { durationText, rateText, successCell, tlsText } from './figures.ts'
import { coveredPage } from '../mesh/covered-page.ts'
import { routesTold } from './routes.ts'
import { STAT_COMMAND } from './stat-command.ts'
import { rangeQuery } from './time-range.ts'
import { watching } from './watch.ts'

const WORST: readonly Health[] = ['failing', 'degraded', 'ok', 'idle']

/** `weft stat`. Resolves to the exit code. */
export function runStat(argv: readonly string[]): Promise<number> {
  return runMeshCommand(STAT_COMMAND, argv, async ({ values, positionals, mesh }) => {
    const [what = 'services', name] = positionals
    const namespace = namespaceOf(values)
    const range = rangeQuery(values, Date.now())
    if (what === 'routes' && (values.last ?? values.from) !== undefined)
      throw new WeftError('cli.flags', 'goes not with routes, which are of the last seconds', {
        field: '--last',
      })
    const api = await mesh()
    const ask = (): Promise<Told> =>
      what === 'routes'
        ? routesTold(api, namespace, name)
        : nodesTold(api, what === 'workloads' ? 'workload' : 'service', {
            // A range that ends now goes on with each question.
            query: values.from === undefined ? range : rangeQuery(values, Date.now()),
            namespace,
            name,
          })
    return values.watch ? watching(ask, values.json) : ask()
  })
}

interface Wanted {
  readonly query: Readonly<Record<string, string>>
  readonly namespace: string | undefined
  readonly name: string | undefined
}

/** Nodes of the graph: what `weft stat` prints, and an assistant is told. */
export async function statNodes(mesh: MeshApi, kind: 'service' | 'workload', wanted: Wanted): Promise<Graph> {
  const { query, namespace, name } = wanted
  const graph = await coveredPage<Graph>(mesh, 'graph', {
    ...query,
    ...(namespace === undefined ? {} : { namespace }),
  })
  const nodes = graph.nodes
    .filter((node) => node.kind === kind && (namespace === undefined || node.namespace === namespace))
    .filter((node) => name === undefined || node.name === name || node.id === name)
    .toSorted(byWorst)
  if (name !== undefined && nodes.length === 0)
    throw new WeftError('stat.unknown', `there is no ${kind} ${name}; without a name all are listed`)
  return { ...graph, nodes, edges: [] }
}

async function nodesTold(mesh: MeshApi, kind: 'service' | 'workload', wanted: Wanted): Promise<Told> {
  const { edges: _, ...graph } = await statNodes(mesh, kind, wanted)
  tellMissing(graph.coverage)
  return { text: statText(graph.nodes, kind), json: graph, code: 0 }
}

function statText(nodes: readonly GraphNode[], kind: string): string {
  if (nodes.length === 0) return `there is no ${kind}\n`
  const paint = painterFor(process.stdout)
  const rows = nodes.map(({ id, traffic, health, reasons, endpoints: { ready, total, meshed } }) => [
    id,
    rateText(traffic.rate),
    successCell(traffic, health),
    durationText(traffic.p50Ms),
    durationText(traffic.p95Ms),
    durationText(traffic.p99Ms),
    tlsText(traffic),
    ready < total || total === 0
      ? { text: `${ready}/${total}`, style: 'yellow' as const }
      : `${ready}/${total}`,
    `${meshed}`,
    reasons.join('; '),
  ])
  const columns = [
    { title: 'NAME', least: 12 },
    { title: 'RATE', right: true },
    { title: 'SUCCESS', right: true },
    { title: 'P50', right: true },
    { title: 'P95', right: true },
    { title: 'P99', right: true },
    { title: 'MTLS', right: true },
    { title: 'READY', right: true },
    { title: 'MESHED', right: true },
    { title: 'WHY', least: 8 },
  ] as const
  return fittedTable(columns, rows, paint, widthOf(process.stdout))
}

function byWorst(a: GraphNode, b: GraphNode): number {
  return (
    WORST.indexOf(a.health) - WORST.indexOf(b.health) ||
    b.traffic.rate - a.traffic.rate ||
    (a.id < b.id ? -1 : 1)
  )
}
