import type { SlowStart } from '../../model/balancing.ts'

/**
 * The part of its share that an endpoint gets `ageMs` after it came into use, above 0, 1 at most: Envoy's
 * max(min_weight_percent, (age / window) ^ (1 / aggression)).
 */
export function slowStartFactor({ windowMs, aggression, minimumPercent }: SlowStart, ageMs: number): number {
  if (!(ageMs < windowMs)) return 1
  // In the first moment nothing would be nothing for ever, where shares are drawn.
  const grown = Math.max(ageMs, 1) / windowMs
  return Math.max(minimumPercent / 100, aggression === 1 ? grown : grown ** (1 / aggression))
}
