import type { Events, Series } from '../../../core/api/traffic.ts'
import { rangeQuery } from '../address/address.ts'
import { range } from '../address/navigate.ts'
import type { Canary } from '../ask/pages.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { Chart } from '../parts/chart.tsx'
import { milliseconds, percent, success } from '../words/format.ts'
import { LIVE_CHART_SECONDS, marksOf, successOf, useSeries } from '../service/subject-charts.tsx'
import { serviceOf } from './backend-name.ts'
import { sharesOf } from './shares.ts'

/** Weights over time, and below them success and latency of both versions. */
export function CanaryCharts({ canary }: { canary: Canary }) {
  const stable = serviceOf(canary.stable, canary.namespace)
  const next = serviceOf(canary.canary, canary.namespace)
  const first: Series | undefined = useSeries({ of: 'service', name: stable }).value
  const second: Series | undefined = useSeries({ of: 'service', name: next }).value
  const route = canary.route.replace(/^[^/]*\//, '')
  const events = useAnswer<Events>(
    `/api/events?namespace=${encodeURIComponent(canary.namespace)}&${rangeQuery(range.value, LIVE_CHART_SECONDS)}&limit=200`,
    range.value.kind === 'fixed' ? 0 : 5000,
  ).value
  if (!first || !second || first.times.length !== second.times.length) return null
  const marks = marksOf(
    (events?.events ?? []).filter(
      ({ kind, object, service }) =>
        kind === 'canary' || object.endsWith(`/${route}`) || service === stable || service === next,
    ),
  )
  const shared = {
    times: first.times,
    height: 110,
    sync: `canary ${canary.namespace}/${canary.name}`,
    marks,
    range: [first.from, first.to] as const,
  }
  const good = [successOf(first), successOf(second)] as const
  const lowest = Math.min(0.95, ...good.flat().filter((value) => value !== null))
  return (
    <div class="charts">
      <Chart
        {...shared}
        title="Share of the new version"
        format={percent}
        bounds={[0, 100]}
        lines={[
          {
            label: 'seen',
            values: sharesOf(first.rate, second.rate),
            color: 'hue1',
            fill: true,
            stepped: true,
          },
        ]}
      />
      <Chart
        {...shared}
        title="Success"
        format={success}
        bounds={[lowest, 1]}
        lines={[
          { label: 'stable', values: good[0], color: 'hue0' },
          { label: 'new', values: good[1], color: 'hue1' },
        ]}
      />
      <Chart
        {...shared}
        title="p95"
        format={milliseconds}
        lines={[
          { label: 'stable', values: first.p95Ms, color: 'hue0' },
          { label: 'new', values: second.p95Ms, color: 'hue1' },
        ]}
      />
    </div>
  )
}
