import type { Graph, GraphEdge } from '../../core/api/traffic.ts'
import { tellMissing } from '../mesh/coverage-text.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { runMeshCommand, type Told } from '../mesh/mesh-command.ts'
import { namespaceOf } from '../mesh/namespace-value.ts'
import { fittedTable, widthOf } from '../terminal/fitted-table.ts'
import { painterFor } from '../terminal/painter.ts'
import { durationText, rateText, successCell, tlsText } from './figures.ts'
import { coveredPage } from '../mesh/covered-page.ts'
import { EDGES_COMMAND } from './stat-command.ts'
import { rangeQuery } from './time-range.ts'
import { watching } from './watch.ts'

/** `weft edges`. Resolves to the exit code. */
export function runEdges(argv: readonly string[]): Promise<number> {
  return runMeshCommand(EDGES_COMMAND, argv, async ({ values, mesh }) => {
    const namespace = namespaceOf(values)
    rangeQuery(values, Date.now())
    const api = await mesh()
    const ask = (): Promise<Told> => edgesTold(api, rangeQuery(values, Date.now()), namespace)
    return values.watch ? watching(ask, values.json) : ask()
  })
}

/** Edges of the graph: what `weft edges` prints, and an assistant is told. */
export async function edgesOf(
  mesh: MeshApi,
  query: Readonly<Record<string, string>>,
  namespace: string | undefined,
): Promise<Omit<Graph, 'nodes'>> {
  const { nodes: _, ...graph } = await coveredPage<Graph>(mesh, 'graph', {
    ...query,
    ...(namespace === undefined ? {} : { namespace }),
  })
  const of = (id: string): string => id.slice(id.lastIndexOf('.') + 1)
  const edges = graph.edges
    .filter(({ source, target }) => namespace === undefined || [of(source), of(target)].includes(namespace))
    .toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
  return { ...graph, edges }
}

async function edgesTold(
  mesh: MeshApi,
  query: Readonly<Record<string, string>>,
  namespace: string | undefined,
): Promise<Told> {
  const graph = await edgesOf(mesh, query, namespace)
  tellMissing(graph.coverage)
  return { text: edgesText(graph.edges), json: graph, code: 0 }
}

const key = ({ source, target }: GraphEdge): string => JSON.stringify([source, target])

function edgesText(edges: readonly GraphEdge[]): string {
  if (edges.length === 0) return 'nobody called anybody in this time\n'
  const rows = edges.map(({ source, target, traffic, deniedRate, health }) => [
    source === '' ? '(outside)' : source,
    target,
    rateText(traffic.rate),
    successCell(traffic, health),
    durationText(traffic.p50Ms),
    durationText(traffic.p99Ms),
    tlsText(traffic),
    deniedRate > 0 ? { text: rateText(deniedRate), style: 'red' as const } : '0',
  ])
  const columns = [
    { title: 'FROM', least: 12 },
    { title: 'TO', least: 12 },
    { title: 'RATE', right: true },
    { title: 'SUCCESS', right: true },
    { title: 'P50', right: true },
    { title: 'P99', right: true },
    { title: 'MTLS', right: true },
    { title: 'DENIED', right: true },
  ] as const
  return fittedTable(columns, rows, painterFor(process.stdout), widthOf(process.stdout))
}
