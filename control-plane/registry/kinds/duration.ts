import { DURATION, durationMs } from '../../../core/duration.ts'
import type { Fields } from '../fields.ts'

/** Milliseconds of a Gateway API duration; undefined when unset or wrong. */
export function readDuration(fields: Fields, name: string): number | undefined {
  const text = fields.text(name, { pattern: DURATION, is: 'a duration such as 500ms, 10s or 1m30s' })
  return text === undefined ? undefined : durationMs(text)
}
