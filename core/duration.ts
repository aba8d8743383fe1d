/** A duration of the Gateway API (GEP-2257): up to four parts, no fractions, no sign. */
export const DURATION = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/

const MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/** Milliseconds of `1m30s`, `10s` or `500ms`; undefined for what is none. */
export function durationMs(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g))
    total += Number(count) * (MS[unit ?? ''] ?? 0)
  return total
}
