import { DURATION, durationMs } from '../../../core/duration.ts'
import type { Fields } from '../fields.ts'

/** Milliseconds of a Gateway API duration; undefined when unset or wrong. */
export function readDuration(fields: Fields, name: string): number | undefined {
  const text = fields.text(name, { pattern: DURATION, is: 'a duration such as 500ms, 10s or 1m30s' })
  return text === undefined ? undefined : durationMs(text)
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
