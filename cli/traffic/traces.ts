import type { TraceRow, TraceSearch, TraceView } from '../../core/api/traces.ts'
import { WeftError } from '../../core/errors.ts'
import { integerBetween, numberBetween } from '../../core/flags.ts'
import { tellMissing } from '../mesh/coverage-text.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { readTraceId } from '../mesh/trace-id.ts'
import { runMeshCommand, type Told } from '../mesh/mesh-command.ts'
import { namespaceValue } from '../mesh/namespace-value.ts'
import { fittedTable, widthOf } from '../terminal/fitted-table.ts'
import { painterFor } from '../terminal/painter.ts'
import { durationText } from './figures.ts'
import { coveredPage } from '../mesh/covered-page.ts'
import { rangeQuery } from './time-range.ts'
import { TRACES_COMMAND } from './traces-command.ts'
import { waterfallText } from './waterfall.ts'

const WORDS = ['service', 'route', 'flag', 'identity', 'method', 'path'] as const
const LONGEST_MS = 86_400_000

/** `weft traces`. Resolves to the exit code. */
export function runTraces(argv: readonly string[]): Promise<number> {
  return runMeshCommand(TRACES_COMMAND, argv, async ({ values, positionals, given, mesh }) => {
    const [id] = positionals
    if (id !== undefined) return traceTold(await mesh(), readTraceId(id, 'ID'))
    const query: Record<string, string> = rangeQuery(values, Date.now())
    const namespace = namespaceValue(values.namespace)
    if (namespace !== undefined) query['namespace'] = namespace
    for (const word of WORDS) {
      const value = values[word]
      if (value !== undefined) query[word] = value
    }
    if (values.status !== undefined) {
      if (!/^[1-5](\d\d|xx)$/.test(values.status))
        throw new WeftError('cli.flags', `"${values.status}" must be a status such as 503, or 5xx`, {
          field: '--status',
        })
      query['status'] = values.status
    }
    for (const bound of ['min', 'max'] as const) {
      const value = values[bound]
      if (value !== undefined) query[bound] = String(numberBetween(`--${bound}`, value, 0, LONGEST_MS))
    }
    if (given.has('failed')) query['failed'] = 'true'
    query['limit'] = String(integerBetween('--limit', values.limit, 1, 1000))
    return searchTold(await mesh(), query)
  })
}

/** Throws WeftError `traces.unknown`. */
export async function readTrace(mesh: MeshApi, id: string): Promise<TraceView> {
  // The page of one trace is 404 where it is not kept.
  const { body } = await mesh.askAny(`traces/${id}`)
  if (body !== undefined) return body as unknown as TraceView
  throw new WeftError('traces.unknown', `no trace ${id} is kept: it was not sampled, or is too old`)
}

async function traceTold(mesh: MeshApi, id: string): Promise<Told> {
  const trace = await readTrace(mesh, id)
  tellMissing(trace.coverage)
  const text = waterfallText(trace, painterFor(process.stdout), widthOf(process.stdout))
  return { text, json: trace, code: 0 }
}

/** What `weft traces` finds. `query` as the page takes it. */
export function searchTraces(mesh: MeshApi, query: Readonly<Record<string, string>>): Promise<TraceSearch> {
  return coveredPage<TraceSearch>(mesh, 'traces', query)
}

async function searchTold(mesh: MeshApi, query: Readonly<Record<string, string>>): Promise<Told> {
  const found = await searchTraces(mesh, query)
  tellMissing(found.coverage)
  const more = found.more ? `there are more: --limit says how many are listed\n` : ''
  return { text: tracesText(found.traces) + more, json: found, code: 0 }
}

function tracesText(traces: readonly TraceRow[]): string {
  if (traces.length === 0) return 'no such trace was kept in this time\n'
  const rows = traces.map((row) => [
    row.traceId,
    new Date(row.startMs).toISOString().slice(11, 23),
    row.namespace === '' ? row.service : `${row.service}.${row.namespace}`,
    `${row.method} ${row.path}`.trim(),
    row.failed ? { text: String(row.status ?? 'failed'), style: 'red' as const } : String(row.status ?? '-'),
    durationText(row.durationMs),
    `${row.spanCount}${row.whole ? '' : '+'}`,
    String(row.retries),
    row.flags.join(','),
  ])
  const columns = [
    { title: 'TRACE' },
    { title: 'AT' },
    { title: 'SERVICE', least: 10 },
    { title: 'REQUEST', least: 10 },
    { title: 'STATUS', right: true },
    { title: 'TOOK', right: true },
    { title: 'SPANS', right: true },
    { title: 'RETRIES', right: true },
    { title: 'FLAGS', least: 4 },
  ] as const
  return fittedTable(columns, rows, painterFor(process.stdout), widthOf(process.stdout))
}
