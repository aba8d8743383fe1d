import type { FractionalPercent } from '../../core/xds/generated/envoy.js'

const DENOMINATORS = { HUNDRED: 1, TEN_THOUSAND: 100, MILLION: 10_000 } as const

/** How many of its numerator are one percent. */
export function partsOfPercent(fraction: FractionalPercent | undefined): number {
  return DENOMINATORS[fraction?.denominator ?? 'HUNDRED']
}

/** envoy.type.v3.FractionalPercent in percent, 100 at the most; `unset` where there is none. */
export function percentOf(fraction: FractionalPercent | undefined, unset = 100): number {
  if (!fraction) return unset
  return Math.min(100, (fraction.numerator ?? 0) / partsOfPercent(fraction))
}
