import { METADATA, METADATA_HEDGE } from '../../core/contract.ts'
import type { Metadata, RouteAction } from '../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../core/xds/well-known.ts'
import type { HedgePolicy } from '../model/route.ts'
import type { Scope } from './scope.ts'

const MOST_HEDGES = 5
const LONGEST_MS = 3_600_000

/**
 * Hedging of a route: its metadata `hedge: {afterMs, max}`, or Envoy's hedge_on_per_try_timeout, where the time of a try
 * is when another one follows, and the retries are how many. Undefined: none.
 */
export function decodeHedge(
  metadata: Metadata | undefined,
  { hedgePolicy, retryPolicy }: RouteAction,
  nonIdempotent: boolean,
  scope: Scope,
): HedgePolicy | undefined {
  const own = metadata?.filterMetadata?.[METADATA]?.[METADATA_HEDGE]
  const policy = scope.at('route').at('hedge_policy')
  if (hedgePolicy?.hedgeOnPerTryTimeout) {
    const afterMs = retryPolicy?.perTryTimeout ?? 0
    if (own !== undefined) policy.fail(`excludes the metadata "${METADATA_HEDGE}": keep one`)
    if (afterMs <= 0) policy.fail('needs retry_policy with a per_try_timeout: when another try follows')
    return { afterMs, max: Math.min(MOST_HEDGES, retryPolicy?.numRetries ?? 1), nonIdempotent }
  }
  if (own === undefined) return undefined
  const at = scope.at('metadata').at(`filter_metadata[${METADATA}]`).at(METADATA_HEDGE)
  if (typeof own !== 'object' || own === null || Array.isArray(own)) {
    at.fail('must be an object with afterMs, and max if it is not 1')
    return undefined
  }
  const { afterMs, max = 1, ...rest } = own as JsonObject
  for (const key of Object.keys(rest)) at.at(key).fail('is not supported: only afterMs, max are')
  return {
    afterMs: wholeNumber(afterMs, LONGEST_MS, at.at('afterMs')),
    max: wholeNumber(max, MOST_HEDGES, at.at('max')),
    nonIdempotent,
  }
}

function wholeNumber(value: unknown, most: number, scope: Scope): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value
  scope.fail(`must be a whole number from 1 to ${most}`)
  return 1
}
