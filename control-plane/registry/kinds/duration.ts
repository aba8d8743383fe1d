import type { Fields, TextCheck } from '../fields.ts'

// GEP-2257: up to four parts, no fractions, no sign.
const DURATION: TextCheck = {
  pattern: /^([0-9]{1,5}(h|m|s|ms)){1,4}$/,
  is: 'a duration such as 500ms, 10s or 1m30s',
}
const MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/** Milliseconds of a Gateway API duration; undefined when unset or wrong. */
export function readDuration(fields: Fields, name: string): number | undefined {
  const text = fields.text(name, DURATION)
  if (text === undefined) return undefined
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g))
    total += Number(count) * (MS[unit ?? ''] ?? 0)
  return total
}
