import type { Health, TrafficFigures } from '../../../core/api/traffic.ts'
import {
  countOf,
  FAILED,
  LEFT,
  MUTUAL_TLS,
  PLAINTEXT,
  quantileOf,
  requestsOf,
  successRate,
  type Counts,
} from '../telemetry/counts.ts'

/** Failed requests of all that were judged, from which on people are to look, and from which on it is an outage. */
const DEGRADED_SHARE = 0.01
const FAILING_SHARE = 0.1
/** One request that fails is no outage, however few there are. */
const FAILING_REQUESTS = 2

export function figuresOf(counts: Counts, seconds: number): TrafficFigures {
  const requests = requestsOf(counts)
  const share = (count: number): number => (requests === 0 ? 0 : Math.min(1, Math.max(0, count / requests)))
  const mutualTls = countOf(counts, MUTUAL_TLS)
  const plaintext = countOf(counts, PLAINTEXT)
  return {
    rate: requests / seconds,
    failedRate: countOf(counts, FAILED) / seconds,
    successRate: successRate(counts),
    p50Ms: quantileOf(counts, 0.5),
    p95Ms: quantileOf(counts, 0.95),
    p99Ms: quantileOf(counts, 0.99),
    transport: {
      mutualTls: share(mutualTls),
      plaintext: share(plaintext),
      unknown: share(requests - mutualTls - plaintext),
    },
  }
}

/** 0 to 1 of those that were judged. */
export function failedShare(counts: Counts): number {
  const judged = requestsOf(counts) - countOf(counts, LEFT)
  return judged <= 0 ? 0 : countOf(counts, FAILED) / judged
}

/** What requests alone say. */
export function healthOf(counts: Counts): Health {
  if (requestsOf(counts) === 0) return 'idle'
  const failed = countOf(counts, FAILED)
  const share = failedShare(counts)
  // Spread over time, two whole requests may be a little less.
  if (share >= FAILING_SHARE && failed >= FAILING_REQUESTS - 0.01) return 'failing'
  return share >= DEGRADED_SHARE ? 'degraded' : 'ok'
}

const ORDER: readonly Health[] = ['idle', 'ok', 'degraded', 'failing']

export function worst(...all: readonly Health[]): Health {
  return all.reduce((a, b) => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a), 'idle')
}

/** For people: `12 %`, `0.4 %`. */
export function percentText(share: number): string {
  const percent = share * 100
  return `${percent >= 10 ? Math.round(percent) : Number(percent.toPrecision(2))} %`
}
