import type { TrafficFigures } from '../../../core/api/traffic.ts'

/** Rates add up; of durations the worst is shown, as quantiles do not add up. */
export function sum(list: readonly TrafficFigures[]): TrafficFigures {
  const rate = list.reduce((total, one) => total + one.rate, 0)
  const failedRate = list.reduce((total, one) => total + one.failedRate, 0)
  const share = (of: keyof TrafficFigures['transport']): number =>
    rate === 0 ? 0 : list.reduce((total, one) => total + one.rate * one.transport[of], 0) / rate
  const highest = (of: 'p50Ms' | 'p95Ms' | 'p99Ms'): number | null => {
    const known = list.map((one) => one[of]).filter((value) => value !== null)
    return known.length === 0 ? null : Math.max(...known)
  }
  const judged = list.filter((one) => one.successRate !== null)
  const weight = judged.reduce((total, one) => total + one.rate, 0)
  return {
    rate,
    failedRate,
    successRate:
      weight === 0
        ? null
        : judged.reduce((total, one) => total + one.rate * (one.successRate ?? 0), 0) / weight,
    p50Ms: highest('p50Ms'),
    p95Ms: highest('p95Ms'),
    p99Ms: highest('p99Ms'),
    transport: { mutualTls: share('mutualTls'), plaintext: share('plaintext'), unknown: share('unknown') },
  }
}
