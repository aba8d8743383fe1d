import type { ComponentChildren } from 'preact'
import type { Graph, GraphNode, Series } from '../../../core/api/traffic.ts'
import { Chart } from '../parts/chart.tsx'
import { HealthTag, Panel, ServiceLink, Success } from '../parts/pieces.tsx'
import { milliseconds, percent, rate } from '../words/format.ts'
import { endpointWords } from '../map/side-panel.tsx'
import { successOf, useSeries } from './subject-charts.tsx'

/** The backends that a route splits the service into, beside each other. */
export function Versions({ node, graph }: { node: GraphNode; graph: Graph }) {
  const versions = node.versions.map((version, at) => ({
    ...version,
    node: graph.nodes.find(({ id }) => id === version.id),
    color: `hue${at % 6}`,
  }))
  const all = versions.reduce((sum, version) => sum + (version.node?.traffic.rate ?? 0), 0)
  return (
    <Panel title="Versions" hint="as the route splits it">
      <div class="versions">
        {versions.map(({ id, percent: configured, node: own, color }) => (
          <section key={id} class={`version ${color}`} aria-label={id}>
            <h3>
              <ServiceLink id={id} /> {own && <HealthTag health={own.health} />}
            </h3>
            <p class="share">
              {all > 0 ? percent(Math.round(((own?.traffic.rate ?? 0) / all) * 1000) / 10) : '–'}{' '}
              <span class="dim">seen of {percent(configured)} configured</span>
            </p>
            <meter min="0" max="100" value={configured} aria-label={`${id}: configured share`} />
            {own ? (
              <dl class="facts">
                <Fact name="Requests/s" value={rate(own.traffic.rate)} />
                <Fact name="Success" value={<Success share={own.traffic.successRate} />} />
                <Fact name="p50" value={milliseconds(own.traffic.p50Ms)} />
                <Fact name="p95" value={milliseconds(own.traffic.p95Ms)} />
                <Fact name="p99" value={milliseconds(own.traffic.p99Ms)} />
                <Fact name="Endpoints" value={endpointWords(own)} />
              </dl>
            ) : (
              <p class="empty">Not seen in this range of time.</p>
            )}
            <VersionChart id={id} color={color} />
          </section>
        ))}
      </div>
    </Panel>
  )
}

function Fact({ name, value }: { name: string; value: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function VersionChart({ id, color }: { id: string; color: string }) {
  const series: Series | undefined = useSeries({ of: 'service', name: id }).value
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
