import type { Health, TrafficFigures } from '../../core/api/traffic.ts'
import type { Cell } from '../terminal/fitted-table.ts'

/** `12.3`, `0.05`, `1,234`: requests a second. */
export function rateText(rate: number): string {
  if (rate === 0) return '0'
  if (rate >= 100) return Math.round(rate).toLocaleString('en-US')
  return rate >= 1 ? rate.toFixed(1) : rate < 0.01 ? '<0.01' : rate.toFixed(2)
}

/** A share as whole percents say it, and never 100 % with a failure in it. */
export function shareText(share: number | null): string {
  if (share === null) return '-'
  const percent = share * 100
  if (percent === 100 || percent === 0) return `${percent}%`
  return `${percent > 99 ? (Math.floor(percent * 100) / 100).toFixed(2) : percent.toFixed(1)}%`
}

/** `4 ms`, `1.2 s`. */
export function durationText(ms: number | null): string {
  if (ms === null) return '-'
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms >= 10_000 ? 0 : 1)}s`
  return ms >= 10 ? `${Math.round(ms)}ms` : `${ms.toFixed(1)}ms`
}

export function successCell(traffic: TrafficFigures, health: Health): Cell {
  const text = shareText(traffic.successRate)
  const style = { ok: 'green', degraded: 'yellow', failing: 'red', idle: 'dim' } as const
  return { text, style: style[health] }
}

/** Share of requests by mutual TLS, of those of which it is known. */
export function tlsText({ rate, transport: { mutualTls, plaintext } }: TrafficFigures): string {
  const known = mutualTls + plaintext
  return rate === 0 || known === 0 ? '-' : shareText(mutualTls / known)
}
