import { setTimeout as delay } from 'node:timers/promises'
import type { TappedRequest, TapSkipped, TapSource } from '../../core/api/tap.ts'
import { whenReaderGoes } from '../../core/command-line/end-with-reader.ts'
import { durationMs } from '../../core/duration.ts'
import { describeError, WeftError } from '../../core/errors.ts'
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

const AGAIN_MS = 2000
/** After so many times in a row that a tap was lost before anything was heard of it, it is over. */
const MOST_LOST = 5

/**
 * Follows the taps of a mesh until `ended`, Ctrl-C, or whoever reads is gone. Who does not tell goes to standard error, and so does
 * that a stream was lost that had begun, as by a control plane that is replaced: it is asked for again two seconds later, of whichever
 * control plane is there. Throws what followPage throws of the first, where the next is refused, and after five in a row.
 */
export async function followTaps(
  mesh: Pick<MeshApi, 'openBase'>,
  query: Readonly<Record<string, string>>,
  ended: AbortController,
  taker: TapTaker,
  againMs: number = AGAIN_MS,
): Promise<void> {
  const end = (): void => ended.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  whenReaderGoes(end)
  const { signal } = ended
  let begun = false
  let lost = 0
  try {
    while (!signal.aborted) {
      try {
        await followPage(mesh, 'tap', query, signal, ({ event, data }) => {
          if (signal.aborted) return
          begun = true
          lost = 0
          if (event === 'request') taker.request(data as TappedRequest)
          else if (event === 'skipped') taker.skipped((data as TapSkipped).requests)
          else if (event === 'source')
            for (const line of sourceLines(data as TapSource)) process.stderr.write(`weft: ${line}\n`)
        })
        if (!signal.aborted) throw new WeftError('mesh.stream_lost', 'the control plane ended the stream')
      } catch (error) {
        const again = begun && error instanceof WeftError && error.code === 'mesh.stream_lost'
        if (!again || ++lost === MOST_LOST) throw error
        process.stderr.write(`weft: ${shown(describeError(error))}; asked for again in ${againMs / 1000} s\n`)
        await delay(againMs, undefined, { signal }).catch(() => undefined)
      }
    }
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
