import { DURATION, durationMs } from '../../../core/duration.ts'
import type { Fields } from '../fields.ts'

/** Milliseconds of a Gateway API duration; undefined when unset or wrong. */
export function readDuration(fields: Fields, name: string): number | undefined {
  const value = fields.any(name)
  const is = 'a duration such as 500ms, 10s or 1m30s'
  if (value === undefined || typeof value === 'string') {
    const text = fields.text(name, { pattern: DURATION, is })
    return text === undefined ? undefined : durationMs(text)
  }
  // That it has to be text would send its author the wrong way: a number lacks its unit.
  fields.problem(`must be ${is}, got ${JSON.stringify(value)}`, name)
  return undefined
}

/** The same from `least` to `most`, which are such durations, too. */
export function readDurationWithin(
  fields: Fields,
  name: string,
  least: string,
  most: string,
): number | undefined {
  const ms = readDuration(fields, name)
  if (ms === undefined || (ms >= (durationMs(least) ?? 0) && ms <= (durationMs(most) ?? 0))) return ms
  fields.problem(`must be a duration from ${least} to ${most}`, name)
  return undefined
}
