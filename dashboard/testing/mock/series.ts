import type { Events, Series, SeriesSubject } from '../../../core/api/traffic.ts'
import { randomFrom } from '../random.ts'
import { WHOLE } from './graph.ts'

/** Figures over time: a wave, with a peak of failures and durations at two thirds. */
export function series(subject: SeriesSubject, from: number, to: number, points: number): Series {
  const seed = JSON.stringify(subject)
  const random = randomFrom(Buffer.from(seed).reduce((sum, byte) => sum + byte, 0))
  const share = seed.includes('-v2') ? 0.12 : seed.includes('-v1') ? 0.9 : 1
  const stepMs = Math.max(1000, Math.round((to - from) / points))
  const times = Array.from({ length: Math.floor((to - from) / stepMs) }, (_, i) => from + i * stepMs)
  const peak = (i: number): number => Math.exp(-(((i / times.length - 0.66) * 22) ** 2))
  const grown = (i: number): number => (seed.includes('-v2') ? Math.floor((i / times.length) * 4) + 0.4 : 1)
  const rate = times.map(
    (at, i) => 18 * share * grown(i) * (1 + 0.2 * Math.sin(at / 60_000) + 0.08 * random()),
  )
  const p50Ms = times.map((_, i) => 3.4 + random() + 6 * peak(i))
  return {
    from,
    to,
    coverage: WHOLE,
    subject,
    stepMs,
    times,
    rate: rate.map((value, i) => (i < 4 ? null : value)),
    failedRate: rate.map((value, i) => (i < 4 ? null : value * (0.002 + 0.18 * peak(i)))),
    p50Ms: p50Ms.map((value, i) => (i < 4 ? null : value)),
    p95Ms: p50Ms.map((value, i) => (i < 4 ? null : value * 2.4)),
    p99Ms: p50Ms.map((value, i) => (i < 4 ? null : value * 4.1)),
    exemplars: times
      .filter((_, i) => i % 17 === 9)
      .map((at, i) => ({
        at,
        traceId: String(i + 1).padStart(32, '0'),
        durationMs: 12 + 20 * random(),
        failed: i % 3 === 2,
      })),
  }
}

/** Of a shop whose catalog is released step by step. */
export function events(from: number, to: number): Events {
  const at = (share: number): number => Math.round(from + (to - from) * share)
  const shop = { namespace: 'shop' }
  return {
    from,
    to,
    coverage: WHOLE,
    events: [
      {
        at: at(0.9),
        kind: 'canary',
        ...shop,
        object: 'Canary/catalog',
        service: 'catalog.shop',
        text: 'went on to 10 % of requests.',
      },
      {
        at: at(0.66),
        kind: 'ejection',
        ...shop,
        object: 'inventory-2',
        service: 'inventory.shop',
        text: 'was ejected by 3 callers for failures in a row.',
      },
      {
        at: at(0.5),
        kind: 'route',
        ...shop,
        object: 'HTTPRoute/catalog',
        service: 'catalog.shop',
        text: 'splits 90 to 10 between catalog-v1 and catalog-v2.',
      },
      {
        at: at(0.3),
        kind: 'rollout',
        ...shop,
        object: 'Deployment/catalog-v2',
        service: 'catalog-v2.shop',
        text: 'has a new pod, catalog-v2-6f9c4d-x2b1q.',
      },
    ],
  }
}
