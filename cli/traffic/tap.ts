import type { TappedRequest } from '../../core/api/tap.ts'
import { integerBetween } from '../../core/flags.ts'
import { runMeshCommand } from '../mesh/mesh-command.ts'
import { shown } from '../../core/terminal-text.ts'
import { painterFor, type Painter } from '../terminal/painter.ts'
import { durationText } from './figures.ts'
import { TAP_COMMAND } from './tap-command.ts'
import { followTaps, tapQuery } from './tapped.ts'

/** `weft tap`. Resolves to the exit code. */
export function runTap(argv: readonly string[]): Promise<number> {
  return runMeshCommand(TAP_COMMAND, argv, async ({ values, mesh }) => {
    const query = tapQuery(values)
    const most = values.count === undefined ? Infinity : integerBetween('--count', values.count, 1, 1_000_000)
    const api = await mesh()
    const paint = painterFor(process.stdout)
    const ended = new AbortController()
    let count = 0
    await followTaps(api, query(api), ended, {
      request(request) {
        process.stdout.write(values.json ? `${JSON.stringify(request)}\n` : tappedLine(request, paint))
        if (++count >= most) ended.abort()
      },
      skipped: (requests) =>
        void process.stderr.write(`weft: ${requests.toLocaleString('en-US')} not shown (--rate)\n`),
    })
    return { text: '', json: undefined, code: 0, printed: true }
  })
}

/**
 * `12:00:00.123 > shop/web -> catalog.shop GET /items 200 4 ms UF trace=4bf9...`; `>` leaves a pod, `<` comes to one. Header fields
 * stand below it.
 */
export function tappedLine(request: TappedRequest, paint: Painter): string {
  const { at, direction, source, destination, asked, method, path, query, headers = {} } = request
  const { status, grpcStatus, flags, durationMs, traceId } = request
  const failed = status >= 500 || status === 0 || (grpcStatus ?? 0) > 0
  const outcome = grpcStatus === null ? String(status) : `${status}/grpc ${grpcStatus}`
  const whom = direction === 'outbound' && asked !== undefined ? asked : endName(destination)
  const line = [
    new Date(at).toISOString().slice(11, 23),
    direction === 'outbound' ? '>' : '<',
    `${shown(source === '' ? '(outside)' : endName(source))} -> ${shown(whom)}`,
    shown(`${method} ${path}${query === undefined ? '' : `?${query}`}`),
    failed ? paint('red', outcome) : outcome,
    durationText(durationMs),
    ...(flags === '' || flags === '-' ? [] : [shown(flags)]),
    ...(traceId === '' ? [] : [paint('dim', `trace=${shown(traceId)}`)]),
  ].join(' ')
  const fields = Object.entries(headers).map(
    ([name, value]) => `    ${paint('dim', shown(name))}: ${shown(value)}`,
  )
  return `${[line, ...fields].join('\n')}\n`
}

/** `shop/web` of an identity of the mesh, whose trust domain is mostly the same. */
function endName(end: string): string {
  const [, namespace, account] = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(end) ?? []
  return namespace === undefined ? end : `${namespace}/${account ?? ''}`
}
