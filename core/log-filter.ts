import { durationMs } from './duration.ts'
import { WeftError } from './errors.ts'

// Which requests stand in the access log, in a few words: `status>=500 or duration>250ms and method=GET`. `and` binds closer
// than `or`; there are no brackets.

const LONGEST = 512
const MOST_CONDITIONS = 16

/** What a condition looks at. */
export interface LogSubject {
  /** 0: no answer. */
  readonly status: number
  readonly durationMs: number
  /** Letters of Envoy's response flags. */
  readonly flags: readonly string[]
  readonly method: string
  /** -1: no gRPC. */
  readonly grpcStatus: number
}

/** `value`: of a duration milliseconds; of `flags` alone ''. */
interface Condition {
  readonly of: 'status' | 'grpc_status' | 'duration' | 'flags' | 'method'
  readonly operator: string
  readonly value: number | string
}

/** Any of them, each of which is all of its conditions. */
export type LogFilter = readonly (readonly Condition[])[]

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
}

export const LOG_FILTER_TYPE =
  'conditions joined by and, or: status>=500, grpc_status=14, duration>250ms, flags, flags=UF, method=GET'

/** Throws WeftError `log.filter` that says which condition is wrong. */
export function parseLogFilter(text: string): LogFilter {
  if (text.length > LONGEST) throw wrong(`is longer than ${LONGEST} characters`)
  const any = text.trim().split(/\s+or\s+/)
  const all = any.map((part) => part.split(/\s+and\s+/))
  if (all.flat().length > MOST_CONDITIONS) throw wrong(`has more than ${MOST_CONDITIONS} conditions`)
  return all.map((conditions) => conditions.map(parseCondition))
}

export function logFilterTakes(filter: LogFilter, subject: LogSubject): boolean {
  return filter.some((conditions) => conditions.every((condition) => holds(condition, subject)))
}

function holds({ of, operator, value }: Condition, subject: LogSubject): boolean {
  if (typeof value === 'number') {
    const number =
      of === 'status' ? subject.status : of === 'duration' ? subject.durationMs : subject.grpcStatus
    // A call without a status has none that could be compared.
    if (of === 'grpc_status' && number < 0) return false
    return COMPARE[operator]?.(number, value) ?? false
  }
  if (value === '') return subject.flags.length > 0
  const same = of === 'flags' ? subject.flags.includes(value) : subject.method === value
  return same === (operator === '=')
}

function parseCondition(text: string): Condition {
  if (text === 'flags') return { of: 'flags', operator: '=', value: '' }
  const [, of = '', operator = '', value = ''] = /^([a-z_]+)\s*(!=|>=|<=|=|>|<)\s*(\S+)$/.exec(text) ?? []
  const equality = operator === '=' || operator === '!='
  const ms = durationMs(value)
  if ((of === 'status' || of === 'grpc_status') && /^\d{1,3}$/.test(value))
    return { of, operator, value: Number(value) }
  if (of === 'duration' && ms !== undefined && !equality) return { of, operator, value: ms }
  if (of === 'flags' && equality && /^[A-Z]{2,4}$/.test(value)) return { of, operator, value }
  if (of === 'method' && equality && /^[A-Z]{1,32}$/.test(value)) return { of, operator, value }
  throw wrong(`"${text}" is no condition; there are ${LOG_FILTER_TYPE}`)
}

function wrong(message: string): WeftError {
  return new WeftError('log.filter', message)
}
