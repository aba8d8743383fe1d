import { DESCRIPTOR_CALLER, DESCRIPTOR_LIMIT } from '../../../core/contract.ts'
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
/** The filter wants a bucket for all requests, also where no limit is for all of them. */
const ENDLESS: TokenBucket = { maxTokens: 2 ** 32 - 1, tokensPerFill: 2 ** 32 - 1, fillInterval: 1000 }

/** The limits of a port by one filter; `owner` names the Services that they are of. */
export function rateLimitFilter(owner: string, limits: readonly RateLimitSettings[]): HttpFilter[] {
  if (limits.length === 0) return []
  const whole = limits.findIndex(({ by }) => by.type === 'Service')
  const descriptors = limits.flatMap((limit, at) => (at === whole ? [] : [descriptorOf(limit, at)]))
  const whatForAll = limits[whole]
  const message: LocalRateLimit = {
    statPrefix: owner,
    status: { code: 'TooManyRequests' },
    tokenBucket: whatForAll ? bucketOf(whatForAll) : ENDLESS,
    filterEnabled: ALL,
    filterEnforced: ALL,
    ...(descriptors.length > 0 ? { descriptors } : {}),
    enableXRatelimitHeaders: 'DRAFT_VERSION_03',
    rateLimitedAsResourceExhausted: true,
  }
  return [{ name: 'envoy.filters.http.local_ratelimit', typedConfig: packAny(LocalRateLimit, message) }]
}

/** How requests get the descriptors of that filter: `rate_limits` of the virtual host. */
export function rateLimitActions(limits: readonly RateLimitSettings[]): readonly RateLimit[] {
  const whole = limits.findIndex(({ by }) => by.type === 'Service')
  return limits.flatMap(({ by }, at) => {
    if (at === whole) return []
    const actions: RateLimit_Action[] = [
      { genericKey: { descriptorKey: DESCRIPTOR_LIMIT, descriptorValue: `${at}` } },
    ]
    // The sidecar puts who calls in the place of the value.
    if (by.type === 'Caller')
      actions.push({ genericKey: { descriptorKey: DESCRIPTOR_CALLER, descriptorValue: 'identity' } })
    if (by.type === 'Header')
      actions.push({ requestHeaders: { headerName: by.header, descriptorKey: by.header } })
    return [{ actions }]
  })
}

/** An entry without a value has a bucket for each value that comes. */
function descriptorOf(limit: RateLimitSettings, at: number): LocalRateLimitDescriptor {
  const { by } = limit
  const entries = [
    { key: DESCRIPTOR_LIMIT, value: `${at}` },
    ...(by.type === 'Caller' ? [{ key: DESCRIPTOR_CALLER }] : []),
    ...(by.type === 'Header' ? [{ key: by.header }] : []),
  ]
  return { entries, tokenBucket: bucketOf(limit) }
}

function bucketOf({ requests, perMs, burst }: RateLimitSettings): TokenBucket {
  return { maxTokens: burst, tokensPerFill: requests, fillInterval: perMs }
}
