import type { Fields } from '../../control-plane/registry/fields.ts'
import { DURATION } from '../../core/duration.ts'

/** As Go writes them: `1.5s`, `1h30m`, `250us`. */
const GO_DURATION = /^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/
const MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
}
/** Of each part of a duration of Gateway API (GEP-2257). */
const MOST_OF_A_UNIT = 99_999

/**
 * A duration as Gateway API writes it, to the millisecond; of what takes time at least one. Undefined where the field is not
 * there, or is none, which becomes a problem of `fields`.
 */
export function readGoDuration(fields: Fields, name: string): string | undefined {
  const is = 'a duration such as 500ms, 1.5s or 1m30s'
  const text = fields.text(name, { pattern: GO_DURATION, is })
  if (text === undefined) return undefined
  const duration = goDuration(text)
  if (duration === undefined) fields.problem('is longer than any duration that Gateway API can write', name)
  return duration
}

/** The same of a text; undefined where it is none. */
export function goDuration(text: string): string | undefined {
  if (!GO_DURATION.test(text)) return undefined
  if (DURATION.test(text)) return text
  let ms = 0
  for (const [, count, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s|us|µs|ns)/g))
    ms += Number(count) * (MS[unit] ?? 0)
  return gatewayDuration(ms > 0 ? Math.max(1, Math.round(ms)) : 0)
}

/** Whole milliseconds as a duration of Gateway API; undefined for what is too long. */
export function gatewayDuration(ms: number): string | undefined {
  const hours = Math.floor(ms / 3_600_000)
  if (hours > MOST_OF_A_UNIT) return undefined
  const rest = ms % 1000
  const seconds = Math.floor(ms / 1000)
  if (rest > 0 && ms <= MOST_OF_A_UNIT) return `${ms}ms`
  const tail = rest > 0 ? `${rest}ms` : ''
  if (seconds <= MOST_OF_A_UNIT) return `${seconds}s${tail}`
  return `${hours}h${Math.floor(seconds / 60) % 60}m${seconds % 60}s${tail}`
}
