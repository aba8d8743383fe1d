import type { TimeRange } from '../../../core/api/coverage.ts'
import { WeftError } from '../../../core/errors.ts'
import { KEPT_MS } from '../answers/time-grid.ts'
import { countParameter, textParameter, type Query } from './parameters.ts'

export const RANGE_PARAMETERS = ['last', 'from', 'to'] as const

const OTHERWISE_SECONDS = 300

/**
 * `last` seconds until now, or `from` and `to` in milliseconds since the epoch, `to` left out meaning now; five minutes where
 * nothing is said. Throws WeftError `api.bad_parameter`.
 */
export function rangeParameter(query: Query, now: number): TimeRange {
  const given = RANGE_PARAMETERS.filter((name) => query[name] !== undefined)
  if (given.length === 0 || given[0] === 'last') {
    if (given.length > 1) throw bad(given[1] ?? 'from', 'does not go with last')
    const seconds = countParameter(query, 'last', OTHERWISE_SECONDS, KEPT_MS / 1000)
    return { from: now - seconds * 1000, to: now }
  }
  if (query['from'] === undefined) throw bad('from', 'must be given with to, or last instead of both')
  const from = timeParameter(query, 'from', now)
  const to = Math.min(timeParameter(query, 'to', now), now)
  if (from >= to) throw bad('from', 'must be before to, and before now')
  if (to - from > KEPT_MS) throw bad('from', 'must be at most a day before to')
  return { from, to }
}

/** Milliseconds since the epoch. */
function timeParameter(query: Query, name: string, otherwise: number): number {
  const text = textParameter(query, name)
  if (text === undefined) return otherwise
  if (!/^\d{1,15}$/.test(text)) throw bad(name, 'must be milliseconds since 1970, e.g. 1767225600000')
  return Number(text)
}

function bad(name: string, message: string): WeftError {
  return new WeftError('api.bad_parameter', message, { field: name })
}
