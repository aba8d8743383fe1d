import type { Coverage } from '../../../core/api/coverage.ts'
import { failure } from './failure.ts'

/** What is said of a trace that nobody who answered has. */
export function noTrace(coverage: Coverage): object {
  const names = coverage.missing.map(({ replica }) => replica).join(', ')
  const unasked = names === '' ? '' : `, or ${names} has it, which did not answer`
  const message = `no such trace is kept: it was not sampled, or is too old${unasked}`
  return { ...failure('api.no_trace', message, 'id'), coverage }
}
