import type { MeshEvent, Series, SeriesSubject } from '../../../core/api/traffic.ts'
import { rangeQuery } from '../address/address.ts'
import { go, range } from '../address/navigate.ts'
import { useAnswer, type Answer } from '../ask/use-answer.ts'
import { Chart, type ChartMark } from '../parts/chart.tsx'
import { CoverageNote, Waiting } from '../parts/pieces.tsx'
import { milliseconds, rate, success } from '../words/format.ts'

/** What charts show of the newest. */
export const LIVE_CHART_SECONDS = 900
const POLL_MS = 5000
const POINTS = 120

export function seriesPath(subject: SeriesSubject, query: string, points = POINTS): string {
  const { of, ...names } = subject
  return `/api/series?${new URLSearchParams({ of, ...names })}&${query}&points=${points}`
}

/** Of the range of time that is chosen, again and again unless it is over. */
export function useSeries(subject: SeriesSubject | null): Answer<Series> {
  const now = range.value
  return useAnswer<Series>(
    subject && seriesPath(subject, rangeQuery(now, LIVE_CHART_SECONDS)),
    now.kind === 'fixed' ? 0 : POLL_MS,
  )
}

/** 0 to 1, null where nothing was asked for. */
export function successOf({ rate: all, failedRate }: Series): (number | null)[] {
  return all.map((value, i) => (value === null || value === 0 ? null : 1 - (failedRate[i] ?? 0) / value))
}

const MARK_COLORS: Readonly<Record<MeshEvent['kind'], string>> = {
  route: 'hue2',
  policy: 'hue3',
  service: 'dim',
  endpoints: 'poor',
  rollout: 'hue4',
  ejection: 'bad',
  canary: 'hue1',
  certificate: 'dim',
  proxy: 'dim',
}

export function marksOf(events: readonly MeshEvent[]): ChartMark[] {
  return events.map(({ at, kind }) => ({ at, color: MARK_COLORS[kind] }))
}

/** Requests, success and durations of one subject over time. */
export function SubjectCharts(props: {
  readonly subject: SeriesSubject
  readonly small?: boolean
  readonly marks?: readonly ChartMark[]
}) {
  const { subject, small = false, marks = [] } = props
  const answer = useSeries(subject)
  const series = answer.value
  if (!series) return <Waiting answer={answer} what="figures over time" />
  const height = small ? 96 : 160
  const shared = {
    times: series.times,
    height,
    sync: small ? 'side' : 'service',
    marks,
    range: [series.from, series.to] as const,
  }
  return (
    <div class={small ? 'charts small' : 'charts'}>
      <CoverageNote coverage={series.coverage} />
      <Chart
        {...shared}
        title="Requests a second"
        format={rate}
        lines={[
          { label: 'all', values: series.rate, color: 'accent', fill: true },
          { label: 'failed', values: series.failedRate, color: 'bad', fill: true },
        ]}
      />
      {!small && (
        <Chart
          {...shared}
          title="Success"
          format={success}
          lines={[{ label: 'success', values: successOf(series), color: 'good' }]}
          bounds={[Math.min(0.9, ...successOf(series).filter((value) => value !== null)), 1]}
        />
      )}
      <Chart
        {...shared}
        title="Duration"
        format={milliseconds}
        lines={[
          { label: 'p50', values: series.p50Ms, color: 'hue0' },
          { label: 'p95', values: series.p95Ms, color: 'hue2' },
          { label: 'p99', values: series.p99Ms, color: 'hue1' },
        ]}
        dots={series.exemplars.map(({ at, traceId, durationMs, failed }) => ({
          at,
          value: durationMs,
          color: failed ? 'bad' : 'hue3',
          id: traceId,
          title: `${failed ? 'failed, ' : ''}${milliseconds(durationMs)}: open its trace`,
        }))}
        onDot={(id) => go('trace', [id])}
      />
    </div>
  )
}
