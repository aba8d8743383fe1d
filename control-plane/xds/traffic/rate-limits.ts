import { CALLER_DESCRIPTOR, LIMIT_DESCRIPTOR } from '../../../core/contract.ts'
import { packAny } from '../../../core/xds/any.ts'
import {
  LocalRateLimit,
  type HttpFilter,
  type LocalRateLimitDescriptor,
  type RateLimit,
  type RateLimit_Action,
  type RuntimeFractionalPercent,
  type TokenBucket,
} from '../../../core/xds/generated/envoy.js'
import type { RateLimitSettings } from '../../model/traffic-settings.ts'

const ALL: RuntimeFractionalPercent = { defaultValue: { numerator: 100, denominator: 'HUNDRED' } }
const FILTER = 'envoy.filters.http.local_ratelimit'

/** The limits of a Service, `namespace/name`, or of a namespace, `namespace/`. */
export interface OwnedLimits {
  readonly owner: string
  readonly limits: readonly RateLimitSettings[]
}

/**
 * One filter for all limits of an owner, by a name of its own: filters that are alike count together over the chains of a
 * listener. The first limit of the whole Service is the filter's bucket, the others are descriptors.
 */
export function rateLimitFilters({ owner, limits }: OwnedLimits): HttpFilter[] {
  if (limits.length === 0) return []
  const whole = wholeOf(limits)
  const descriptors = limits.flatMap((limit, at) => (at === whole ? [] : [descriptorOf(owner, limit, at)]))
  const all = limits[whole]
  const message: LocalRateLimit = {
    statPrefix: owner,
    status: { code: 'TooManyRequests' },
    ...(all ? { tokenBucket: bucketOf(all) } : {}),
    filterEnabled: ALL,
    filterEnforced: ALL,
    ...(descriptors.length > 0 ? { descriptors } : {}),
    enableXRatelimitHeaders: 'DRAFT_VERSION_03',
    rateLimitedAsResourceExhausted: true,
  }
  return [{ name: `${FILTER}/${owner}`, typedConfig: packAny(LocalRateLimit, message) }]
}

/** How requests get the descriptors of that filter: `rate_limits` of the virtual host. */
export function rateLimitActions({ owner, limits }: OwnedLimits): readonly RateLimit[] {
  const whole = wholeOf(limits)
  return limits.flatMap(({ by }, at) => {
    if (at === whole) return []
    const actions: RateLimit_Action[] = [
      { genericKey: { descriptorKey: LIMIT_DESCRIPTOR, descriptorValue: `${owner}/${at}` } },
    ]
    // Who calls is nothing that a rule has to tell: the sidecar knows it.
    if (by.type === 'Header')
      actions.push({ requestHeaders: { headerName: by.header, descriptorKey: by.header } })
    return [{ actions }]
  })
}

/** An entry without a value has a bucket for each value that comes. */
function descriptorOf(owner: string, limit: RateLimitSettings, at: number): LocalRateLimitDescriptor {
  const { by } = limit
  const entries = [
    { key: LIMIT_DESCRIPTOR, value: `${owner}/${at}` },
    ...(by.type === 'Caller' ? [{ key: CALLER_DESCRIPTOR }] : []),
    ...(by.type === 'Header' ? [{ key: by.header }] : []),
  ]
  return { entries, tokenBucket: bucketOf(limit) }
}

function wholeOf(limits: readonly RateLimitSettings[]): number {
  return limits.findIndex(({ by }) => by.type === 'Service')
}

function bucketOf({ requests, perMs, burst }: RateLimitSettings): TokenBucket {
  return { maxTokens: burst, tokensPerFill: requests, fillInterval: perMs }
}
