import { describeError } from '../../../core/errors.ts'
import { limitedText } from '../../../core/limited-body.ts'
import type { PrometheusCondition } from '../../registry/kinds/canary.ts'

export interface QueryResult {
  readonly name: string
  /** `unknown`: it could not be asked, or has no value. That is no breach, and no step is left by it. */
  readonly state: 'good' | 'breach' | 'unknown'
  readonly message: string
}

const TIMEOUT_MS = 5000
const LARGEST_ANSWER = 64 * 1024

/**
 * Asks Prometheus (https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries) and holds the first value to
 * the condition's limits. Never throws.
 */
export async function askPrometheus(condition: PrometheusCondition): Promise<QueryResult> {
  const { name, address, query, minimum, maximum } = condition
  const result = (state: QueryResult['state'], message: string): QueryResult => ({
    name,
    state,
    message: `Prometheus query "${name}" ${message}`,
  })
  let value: number | undefined
  try {
    const url = `${address.replace(/\/$/, '')}/api/v1/query?${new URLSearchParams({ query }).toString()}`
    const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' })
    const text = await limitedText(answer, LARGEST_ANSWER)
    if (!answer.ok) return result('unknown', `was answered with ${answer.status}`)
    value = valueOf(JSON.parse(text))
  } catch (error) {
    return result('unknown', `could not be asked: ${describeError(error)}`)
  }
  if (value === undefined) return result('unknown', 'has no value')
  if (maximum !== undefined && value > maximum)
    return result('breach', `is ${value}, at most ${maximum} is allowed`)
  if (minimum !== undefined && value < minimum)
    return result('breach', `is ${value}, at least ${minimum} is needed`)
  return result('good', `is ${value}`)
}

/** The value of a scalar, or of the only element of a vector. */
function valueOf(answer: unknown): number | undefined {
  const data = (answer as { data?: { resultType?: unknown; result?: unknown } } | null)?.data
  const { result, resultType } = data ?? {}
  if (!Array.isArray(result)) return undefined
  const pair: unknown = resultType === 'scalar' ? result : (result as { value?: unknown }[])[0]?.value
  const value = Array.isArray(pair) ? Number(pair[1]) : Number.NaN
  return Number.isFinite(value) ? value : undefined
}
