import { field, type ResponseHead } from '../http/message.ts'

/** Those that Retry-After is defined for beside redirects (RFC 9110 section 10.2.3, RFC 6585 section 4). */
function isTurnedAway(status: number): boolean {
  return status === 429 || status === 503
}

/**
 * What a server that turns requests away asks its callers to wait, milliseconds; 0: nothing, or nothing that can be read.
 * `wallClockMs`: since the Unix epoch, for dates.
 */
export function readRetryAfterMs(head: ResponseHead, wallClockMs: () => number = Date.now): number {
  const value = isTurnedAway(head.status) ? field(head.fields, 'retry-after') : undefined
  return value === undefined ? 0 : parseRetryAfter(value, wallClockMs)
}

/** The value of the field: seconds or a date. */
export function parseRetryAfter(value: string, wallClockMs: () => number = Date.now): number {
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  // An HTTP-date begins with the day's name; Date.parse takes much else.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value)) return 0
  const at = Date.parse(value)
  return Number.isNaN(at) ? 0 : Math.max(0, at - wallClockMs())
}
