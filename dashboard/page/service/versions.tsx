import type { GraphNode } from '../../../core/api/traffic.ts'
import { Chart } from '../parts/chart.tsx'
import { Facts, HealthTag, Panel, ServiceLink, Success } from '../parts/pieces.tsx'
import { milliseconds, percent, rate } from '../words/format.ts'
import { useVersionSeries } from './backend-series.ts'
import { successOf } from './subject-charts.tsx'

/** The backends that a route splits the service into, beside each other. */
export function Versions({ node }: { node: GraphNode }) {
  const versions = node.versions.map((version, at) => ({ ...version, color: `hue${at % 6}` }))
  const all = versions.reduce((sum, { traffic }) => sum + traffic.rate, 0)
  return (
    <Panel title="Versions" hint="as the route splits it">
      <div class="versions">
        {versions.map(({ id, percent: configured, traffic, health, ready, total, color }) => (
          <section key={id} class={`version ${color}`} aria-label={id}>
            <h3>
              <ServiceLink id={id} /> <HealthTag health={health} />
            </h3>
            <p class="share">
              {all > 0 ? percent(Math.round((traffic.rate / all) * 1000) / 10) : '–'}{' '}
              <span class="dim">seen of {percent(configured)} configured</span>
            </p>
            <meter min="0" max="100" value={configured} aria-label={`${id}: configured share`} />
            <Facts
              facts={[
                ['Requests/s', rate(traffic.rate)],
                ['Success', <Success share={traffic.successRate} />],
                ['p50', milliseconds(traffic.p50Ms)],
                ['p95', milliseconds(traffic.p95Ms)],
                ['p99', milliseconds(traffic.p99Ms)],
                ['Endpoints', `${ready} of ${total} ready`],
              ]}
            />
            <VersionChart id={id} color={color} parent={`${node.namespace}/${node.name}/`} />
          </section>
        ))}
      </div>
    </Panel>
  )
}

function VersionChart({ id, color, parent }: { id: string; color: string; parent: string }) {
  const series = useVersionSeries(id, (route) => route.parent.startsWith(parent))
  if (!series) return null
  const shared = {
    times: series.times,
    height: 90,
    sync: 'versions',
    range: [series.from, series.to] as const,
  }
  return (
    <>
      <Chart
        {...shared}
        title="Requests a second"
        format={rate}
        lines={[{ label: 'all', values: series.rate, color, fill: true }]}
      />
      <Chart
        {...shared}
        title="p95 and failures"
        format={milliseconds}
        lines={[{ label: 'p95', values: series.p95Ms, color }]}
        dots={[]}
        marks={series.times
          .filter((_, i) => (successOf(series)[i] ?? 1) < 0.99)
          .map((at) => ({ at, color: 'bad' }))}
      />
    </>
  )
}
