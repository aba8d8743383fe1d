import type { TappedRequest } from '../../core/api/tap.ts'
import { whenReaderGoes } from '../../core/command-line/end-with-reader.ts'
import { WeftError } from '../../core/errors.ts'
import { integerBetween } from '../../core/flags.ts'
import { followPage } from '../mesh/event-stream.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { namespaceValue } from '../mesh/namespace-value.ts'

export interface TapValues {
  readonly namespace: string | undefined
  readonly service: string | undefined
  readonly method: string | undefined
  readonly path: string | undefined
  readonly status: string | undefined
  readonly flag: string | undefined
  readonly rate: string | undefined
}

/** What the page of taps is asked. Throws WeftError `cli.flags`. */
export function tapQuery(values: TapValues): (mesh: MeshApi) => Readonly<Record<string, string>> {
  const { service, method, path, status, flag, rate } = values
  const namespace = namespaceValue(values.namespace)
  if (status !== undefined && !/^[1-5](\d\d|xx)$/.test(status))
    throw new WeftError('cli.flags', `"${status}" must be a status such as 503, or 5xx`, {
      field: '--status',
    })
  const most = rate === undefined ? undefined : String(integerBetween('--rate', rate, 1, 1000))
  const asked = { service, method, path, status, flag, rate: most }
  const given = Object.entries(asked).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return (mesh) => ({ namespace: namespace ?? mesh.namespace, ...Object.fromEntries(given) })
}

/**
 * Follows the taps of a mesh until `take` says false, Ctrl-C, or whoever reads is gone. What the control plane says of itself first
 * goes to standard error. Throws what followPage throws, and WeftError `mesh.stream` where the control plane ends it.
 */
export async function followTaps(
  mesh: MeshApi,
  query: Readonly<Record<string, string>>,
  ended: AbortController,
  take: (request: TappedRequest) => void,
): Promise<void> {
  const end = (): void => ended.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  whenReaderGoes(end)
  try {
    await followPage(mesh, 'tap', query, ended.signal, ({ event, data }) => {
      if (ended.signal.aborted) return
      if (event === 'request') take(data as TappedRequest)
      else if (event === 'source' && (data as { readonly sampled?: boolean }).sampled)
        process.stderr.write('weft: only requests that are sampled for traces are shown\n')
    })
    if (!ended.signal.aborted)
      throw new WeftError('mesh.stream', 'the control plane ended the stream; it may have been restarted')
  } finally {
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
    whenReaderGoes(undefined)
  }
}
