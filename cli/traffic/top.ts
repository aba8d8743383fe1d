import type { TappedRequest } from '../../core/api/tap.ts'
import { integerBetween } from '../../core/flags.ts'
import { runMeshCommand } from '../mesh/mesh-command.ts'
import { fittedTable, widthOf } from '../terminal/fitted-table.ts'
import { painterFor } from '../terminal/painter.ts'
import { durationText, shareText } from './figures.ts'
import { TOP_COMMAND } from './tap-command.ts'
import { followTaps, tapQuery } from './tapped.ts'

const EVERY_MS = 2000
/** Paths that are told apart; others count together. */
const MOST_PATHS = 2000
/** Durations that are kept of each, the newest. */
const MOST_DURATIONS = 512
const OTHER = '(other)'
const CLEAR = '\u001B[H\u001B[2J\u001B[3J'

export interface TopRow {
  readonly source: string
  readonly destination: string
  readonly method: string
  readonly path: string
  readonly count: number
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** `weft top`. Resolves to the exit code. */
export function runTop(argv: readonly string[]): Promise<number> {
  return runMeshCommand(TOP_COMMAND, argv, async ({ values, mesh }) => {
    const query = tapQuery(values)
    const limit = integerBetween('--limit', values.limit, 1, 1000)
    const most =
      values.rounds === undefined ? Infinity : integerBetween('--rounds', values.rounds, 1, 1_000_000)
    const api = await mesh()
    const ended = new AbortController()
    const top = new Top()
    let rounds = 0
    const print = (): void => {
      const rows = top.rows(limit)
      const { requests, skipped } = top
      if (values.json) process.stdout.write(`${JSON.stringify({ requests, skipped, rows })}\n`)
      else process.stdout.write((process.stdout.isTTY ? CLEAR : '') + topText(rows, top))
      if (++rounds >= most) ended.abort()
    }
    const timer = setInterval(print, EVERY_MS)
    try {
      const asked = query(api)
      const once = asked['direction'] === undefined && asked['workload'] === undefined
      await followTaps(api, asked, ended, {
        request(request) {
          if (!once || !isToldByCaller(request)) top.add(request)
        },
        skipped: (requests) => void (top.skipped += requests),
      })
    } finally {
      clearInterval(timer)
    }
    return { text: '', json: undefined, code: 0, printed: true }
  })
}

interface Counted {
  count: number
  failed: number
  readonly durations: number[]
}

/** Requests by who, what and path, in bounded memory. */
export class Top {
  requests = 0
  /** Requests that were not shown. */
  skipped = 0
  readonly #paths = new Map<string, Counted>()

  add({ source, destination, method, path, status, grpcStatus, durationMs }: TappedRequest): void {
    this.requests++
    const wanted = JSON.stringify([source, destination, method, templateOf(path)])
    const key =
      this.#paths.has(wanted) || this.#paths.size < MOST_PATHS
        ? wanted
        : JSON.stringify([OTHER, OTHER, '', ''])
    const one = this.#paths.get(key) ?? { count: 0, failed: 0, durations: [] }
    this.#paths.set(key, one)
    if (status >= 500 || status === 0 || (grpcStatus ?? 0) > 0) one.failed++
    // The newest in place of the oldest.
    one.durations[one.count % MOST_DURATIONS] = durationMs
    one.count++
  }

  /** The most frequent first. */
  rows(limit: number): TopRow[] {
    return [...this.#paths]
      .toSorted(([, a], [, b]) => b.count - a.count)
      .slice(0, limit)
      .map(([key, { count, failed, durations }]) => {
        const [source, destination, method, path] = JSON.parse(key) as [string, string, string, string]
        const sorted = durations.toSorted((a, b) => a - b)
        const at = (share: number): number =>
          sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
        return { source, destination, method, path, count, failed, p50Ms: at(0.5), p99Ms: at(0.99) }
      })
  }
}

/** Its caller is of the same namespace: its sidecar tells of the request, too. */
export function isToldByCaller({ direction, source, namespace }: TappedRequest): boolean {
  return direction === 'inbound' && /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\//.exec(source)?.[1] === namespace
}

/** Segments that are numbers, hexadecimal ids or UUIDs as one. */
function templateOf(path: string): string {
  return path
    .split('/')
    .map((segment) => (/^\d+$|^[0-9a-f-]{16,}$/i.test(segment) ? '{*}' : segment))
    .join('/')
}

function topText(rows: readonly TopRow[], { requests, skipped }: Top): string {
  if (rows.length === 0) return 'no request was seen yet\n'
  const cells = rows.map(({ source, destination, method, path, count, failed, p50Ms, p99Ms }) => [
    source === '' ? '(outside)' : source,
    destination,
    method,
    path,
    String(count),
    failed > 0 ? { text: shareText(1 - failed / count), style: 'red' as const } : shareText(1),
    durationText(p50Ms),
    durationText(p99Ms),
  ])
  const columns = [
    { title: 'SOURCE', least: 10 },
    { title: 'DESTINATION', least: 10 },
    { title: 'METHOD' },
    { title: 'PATH', least: 8 },
    { title: 'COUNT', right: true },
    { title: 'SUCCESS', right: true },
    { title: 'P50', right: true },
    { title: 'P99', right: true },
  ] as const
  const table = fittedTable(columns, cells, painterFor(process.stdout), widthOf(process.stdout))
  const more = skipped === 0 ? '' : `, and ${skipped.toLocaleString('en-US')} more came faster than --rate`
  return `${table}${requests.toLocaleString('en-US')} requests were seen${more}\n`
}
