import type { Events } from '../../../core/api/traffic.ts'
import { rangeQuery } from '../address/address.ts'
import { range } from '../address/navigate.ts'
import type { Canary, Route } from '../ask/pages.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { Chart } from '../parts/chart.tsx'
import { milliseconds, percent, success } from '../words/format.ts'
import { LIVE_CHART_SECONDS, marksOf, successOf } from '../service/subject-charts.tsx'
import { useVersionSeries } from '../service/backend-series.ts'
import { serviceOf } from './backend-name.ts'
import { sharesOf } from './shares.ts'

/** Weights over time, and below them success and latency of both versions. */
export function CanaryCharts({ canary }: { canary: Canary }) {
  const stable = serviceOf(canary.stable, canary.namespace)
  const next = serviceOf(canary.canary, canary.namespace)
  const [kind = '', name = ''] = canary.route.split('/')
  const own = (route: Route): boolean => route.name.startsWith(`${kind}/${canary.namespace}/${name}/`)
  const first = useVersionSeries(stable, own)
  const second = useVersionSeries(next, own)
  const events = useAnswer<Events>(
    `/api/events?namespace=${encodeURIComponent(canary.namespace)}&${rangeQuery(range.value, LIVE_CHART_SECONDS)}&limit=200`,
    range.value.kind === 'fixed' ? 0 : 5000,
  ).value
  if (!first || !second || first.times.length !== second.times.length) return null
  const marks = marksOf(
    (events?.events ?? []).filter(
      ({ kind, object, service }) =>
        kind === 'canary' || object.endsWith(`/${name}`) || service === stable || service === next,
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
