import type { TappedRequest, TapSkipped, TapSource } from '../../core/api/tap.ts'
import { whenReaderGoes } from '../../core/command-line/end-with-reader.ts'
import { durationMs } from '../../core/duration.ts'
import { WeftError } from '../../core/errors.ts'
import { integerBetween } from '../../core/flags.ts'
import { shown } from '../../core/terminal-text.ts'
import { followPage } from '../mesh/event-stream.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { namespaceValue } from '../mesh/namespace-value.ts'

export interface TapValues {
  readonly namespace: string | undefined
  readonly workload: string | undefined
  readonly service: string | undefined
  readonly route: string | undefined
  readonly direction: string | undefined
  readonly method: string | undefined
  readonly path: string | undefined
  readonly status: string | undefined
  readonly flag: string | undefined
  readonly min: string | undefined
  readonly max: string | undefined
  readonly rate: string | undefined
  readonly headers?: boolean
}

/** What the page of taps is asked. Throws WeftError `cli.flags`. */
export function tapQuery(values: TapValues): (mesh: MeshApi) => Readonly<Record<string, string>> {
  const { workload, service, route, direction, method, path, status, flag, rate } = values
  const namespace = namespaceValue(values.namespace)
  if (status !== undefined && !/^(0|[1-5](\d\d|xx))$/.test(status))
    throw wrong('--status', `"${status}" must be a status such as 503, or 5xx, or 0 where no answer came`)
  if (direction !== undefined && direction !== 'inbound' && direction !== 'outbound')
    throw wrong('--direction', `"${direction}" must be inbound or outbound`)
  const asked = {
    ...{ workload, service, route, direction, method, path, status, flag },
    min: milliseconds('--min', values.min),
    max: milliseconds('--max', values.max),
    rate: rate === undefined ? undefined : String(integerBetween('--rate', rate, 1, 1000)),
    headers: values.headers ? 'true' : undefined,
  }
  const given = Object.entries(asked).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return (mesh) => ({ namespace: namespace ?? mesh.namespace, ...Object.fromEntries(given) })
}

function milliseconds(flag: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const ms = durationMs(text)
  if (ms === undefined) throw wrong(flag, `"${text}" must be a duration such as 250ms or 2s`)
  return String(ms)
}

function wrong(field: string, message: string): WeftError {
  return new WeftError('cli.flags', message, { field })
}

/** What is heard of a tap, beside what it is made of. */
export interface TapTaker {
  request(request: TappedRequest): void
  /** Requests that fit and are not shown. */
  skipped(requests: number): void
}

/**
 * Follows the taps of a mesh until `ended`, Ctrl-C, or whoever reads is gone. Who does not tell goes to standard error. Throws
 * what followPage throws, and WeftError `mesh.stream` where the control plane ends it.
 */
export async function followTaps(
  mesh: MeshApi,
  query: Readonly<Record<string, string>>,
  ended: AbortController,
  taker: TapTaker,
): Promise<void> {
  const end = (): void => ended.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  whenReaderGoes(end)
  try {
    await followPage(mesh, 'tap', query, ended.signal, ({ event, data }) => {
      if (ended.signal.aborted) return
      if (event === 'request') taker.request(data as TappedRequest)
      else if (event === 'skipped') taker.skipped((data as TapSkipped).requests)
      else if (event === 'source')
        for (const line of sourceLines(data as TapSource)) process.stderr.write(`weft: ${line}\n`)
    })
    if (!ended.signal.aborted)
      throw new WeftError('mesh.stream', 'the control plane ended the stream; it may have been restarted')
  } finally {
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
    whenReaderGoes(undefined)
  }
}

const MOST_NAMED = 3

/** What is not heard, a sentence each. One of a release before says only that it is fed by traces. */
export function sourceLines({
  sampled,
  live = 0,
  others = [],
  otherCount = 0,
  coverage,
}: Partial<TapSource>): string[] {
  const lines: string[] = []
  if (sampled && otherCount === 0) lines.push('only requests that are sampled for traces are shown')
  if (otherCount > 0) {
    const named = others.slice(0, MOST_NAMED).map(({ pod, reason }) => `${shown(pod)} ${shown(reason)}`)
    const more = otherCount > named.length ? `; and ${otherCount - named.length} more` : ''
    lines.push(
      `of ${otherCount} of ${otherCount + live} sidecars only requests that are sampled for traces are shown: ${named.join('; ')}${more}`,
    )
  } else if (live === 0 && !sampled) lines.push('there is no sidecar that could tell')
  for (const { replica, reason } of coverage?.missing ?? [])
    lines.push(`the sidecars of control plane ${shown(replica)} are not heard: ${shown(reason)}`)
  return lines
}
