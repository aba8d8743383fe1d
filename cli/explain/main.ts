import type { ExplainAnswer, Question, TraceExplanation } from '../../core/api/explanation.ts'
import { WeftError } from '../../core/errors.ts'
import { readAsked } from '../../core/explain/asked-request.ts'
import { firstBody, type MeshApi } from '../mesh/mesh-api.ts'
import { runMeshCommand } from '../mesh/mesh-command.ts'
import { readTraceId } from '../mesh/trace-id.ts'
import { EXPLAIN_COMMAND } from './command.ts'
import { answerText, traceText } from './explanation-text.ts'

const OF_A_QUESTION = ['from', 'to', 'request', 'header'] as const
const FLAGS: Readonly<Record<string, string>> = { to: '--to', method: '--request', headers: '--header' }

/** `weft explain`. Resolves to the exit code. */
export function runExplain(argv: readonly string[]): Promise<number> {
  return runMeshCommand(EXPLAIN_COMMAND, argv, async ({ values, given, mesh }) => {
    const { from, to, trace, request = '', header = [] } = values
    if (trace !== undefined) {
      const other = OF_A_QUESTION.find((flag) => given.has(flag))
      if (other !== undefined)
        throw new WeftError('cli.flags', 'is of a request that happened: leave it, or the others, away', {
          field: '--trace',
        })
      const found = await explainTrace(await mesh(), readTraceId(trace, '--trace'))
      return { text: traceText(found), json: found, code: 0 }
    }
    if (from === undefined || to === undefined)
      throw new WeftError('cli.flags', 'is required, or --trace ID', {
        field: from === undefined ? '--from' : '--to',
      })
    const headers = readHeaders(header)
    const answer = await explainRequest(await mesh(), { from, to, method: request, headers })
    return { text: answerText(answer), json: answer, code: 0 }
  })
}

/** Asks the sidecar of `from`; without a method it takes its own. Throws WeftError `cli.flags`, `explain.no_proxy`. */
export async function explainRequest(
  api: MeshApi,
  { from, to, method, headers }: Question,
): Promise<ExplainAnswer> {
  if (!/^[^/]+\/[^/]+$/.test(from))
    throw new WeftError('cli.flags', `"${from}" must be NAMESPACE/WORKLOAD or NAMESPACE/POD`, {
      field: '--from',
    })
  checked(to, method, headers)
  const query = { from, to, headers: JSON.stringify(headers), ...(method !== '' && { method }) }
  const answer = firstBody(await api.ask('explain', query)) as unknown as ExplainAnswer | undefined
  if (answer) return answer
  throw new WeftError(
    'explain.no_proxy',
    `no sidecar of ${from} is connected that can be asked: it may be of an earlier release, or not be there`,
  )
}

/** Throws WeftError `explain.no_trace`. */
export async function explainTrace(api: MeshApi, id: string): Promise<TraceExplanation> {
  const found = firstBody(await api.ask(`explain/${id}`)) as unknown as TraceExplanation | undefined
  if (found) return found
  throw new WeftError('explain.no_trace', `no trace ${id} is kept: it was not sampled, or is too old`)
}

/** Throws WeftError `cli.flags` for what no sidecar would be asked. */
function checked(to: string, method: string, headers: Readonly<Record<string, string>>): void {
  try {
    readAsked({ to, method, headers })
  } catch (error) {
    if (!(error instanceof WeftError)) throw error
    throw new WeftError('cli.flags', error.message, { field: FLAGS[error.field ?? ''] ?? '--to' })
  }
}

function readHeaders(given: readonly string[]): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const one of given) {
    const [, name = '', value = ''] = /^([^:\s]+):\s*(.*?)\s*$/s.exec(one) ?? []
    if (name === '') throw new WeftError('cli.flags', `"${one}" must be "NAME: VALUE"`, { field: '--header' })
    const key = name.toLowerCase()
    // What stands in several lines is one list (RFC 9110 section 5.2).
    headers[key] = Object.hasOwn(headers, key) ? `${headers[key]}, ${value}` : value
  }
  return headers
}
