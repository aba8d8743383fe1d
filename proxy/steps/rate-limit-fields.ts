import type { Fields } from '../http/message.ts'
import type { Asked } from './rate-limits.ts'
import type { TokenBucketConfig } from './token-bucket.ts'

/**
 * What a request was refused for, and when to come again: `RateLimit-Policy` and `RateLimit` of
 * draft-ietf-httpapi-ratelimit-headers-11, a quota policy for each limit that the request came under, and `Retry-After`
 * (RFC 9110 section 10.2.3), which is no earlier than the end of the window that was used up.
 */
export function refusalFields(asked: readonly Asked[], refusing: Asked): Fields {
  return [
    'retry-after',
    String(Math.max(1, secondsToFill(refusing))),
    'ratelimit-policy',
    asked.map((one) => policyOf(one)).join(', '),
    'ratelimit',
    asked.map((one) => stateOf(one)).join(', '),
  ]
}

/** Whole seconds until there is a token again at the latest. */
export function secondsToFill({ bucket }: Asked): number {
  return Math.max(0, Math.ceil(bucket.nextFillMs / 1000))
}

function policyOf({ bucket, limit }: Asked): string {
  const { quota, windowSeconds } = quotaOf(bucket.config)
  return `${quotedString(limit.name)};q=${quota};w=${windowSeconds}`
}

function stateOf(asked: Asked): string {
  return `${quotedString(asked.limit.name)};r=${asked.bucket.remaining};t=${secondsToFill(asked)}`
}

/** Windows are whole seconds: of a limit that fills more often, what one second brings. */
function quotaOf({ tokensPerFill, fillIntervalMs }: TokenBucketConfig): {
  quota: number
  windowSeconds: number
} {
  const windowSeconds = Math.ceil(fillIntervalMs / 1000)
  return { quota: Math.floor((tokensPerFill * windowSeconds * 1000) / fillIntervalMs), windowSeconds }
}

/** A String of structured fields (RFC 9651 section 3.3.3): printable ASCII. */
function quotedString(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
