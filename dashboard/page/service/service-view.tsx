import type { Events, Graph, GraphEdge, GraphNode } from '../../../core/api/traffic.ts'
import { rangeQuery } from '../address/address.ts'
import { linkTo, range } from '../address/navigate.ts'
import { liveGraph, LIVE_SECONDS } from '../ask/live-mesh.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { endpointWords } from '../map/side-panel.tsx'
import { graphWithVersions } from '../map/versions.ts'
import { rangeWords } from '../parts/head.tsx'
import {
  CoverageNote,
  Facts,
  HealthTag,
  Panel,
  PolicyWord,
  ServiceLink,
  ServiceName,
  Success,
  Transport,
  Waiting,
} from '../parts/pieces.tsx'
import { VirtualTable, type Column } from '../parts/virtual-table.tsx'
import { clockTime, dateTime, milliseconds, plural, rate } from '../words/format.ts'
import { Configuration } from './configuration.tsx'
import { Endpoints } from './endpoints.tsx'
import { Rules } from './rules.tsx'
import { ServicePolicy } from './service-policy.tsx'
import { LIVE_CHART_SECONDS, marksOf, SubjectCharts } from './subject-charts.tsx'
import { Versions } from './versions.tsx'

const POLL_MS = 5000

/** All of one service: `catalog.shop`. */
export function ServiceView({ id }: { id: string }) {
  const live = range.value.kind === 'live'
  const every = range.value.kind === 'fixed' ? 0 : POLL_MS
  const asked = useAnswer<Graph>(live ? null : `/api/graph?${rangeQuery(range.value, LIVE_SECONDS)}`, every)
  const raw = live ? liveGraph.value : asked.value
  const graph = raw && graphWithVersions(raw)
  const events = useAnswer<Events>(
    `/api/events?service=${encodeURIComponent(id)}&${rangeQuery(range.value, LIVE_CHART_SECONDS)}&limit=100`,
    every,
  ).value
  const node = graph?.nodes.find((one) => one.id === id)
  const title = (
    <h1>
      <ServiceName id={id} />
    </h1>
  )
  if (!graph)
    return (
      <>
        {title}
        <Waiting answer={asked} what="the service" />
      </>
    )
  if (!node)
    return (
      <>
        {title}
        <p class="empty">
          Nothing is known of it in this range of time ({rangeWords(range.value)}): no such Service, and no
          request to it. <a href={linkTo('map')}>To the map</a>
        </p>
      </>
    )
  const incoming = graph.edges.filter(({ target }) => target === id)
  const outgoing = graph.edges.filter(({ source }) => source === id)
  return (
    <>
      {!live && <CoverageNote coverage={asked.value?.coverage} />}
      <div class="title-row">
        {title}
        <HealthTag health={node.health} />
        <span class="links">
          <a href={linkTo('map', [], { pick: id })}>On the map</a>
          <a href={linkTo('traces', [], { service: id })}>Traces</a>
          <a href={linkTo('live', [], { service: id })}>Tap</a>
        </span>
      </div>
      {node.reasons.length > 0 && (
        <p class={node.health === 'failing' ? 'bad' : 'poor'}>{node.reasons.join(' ')}</p>
      )}
      <ServiceFacts node={node} />
      <Panel title="Over time" hint={range.value.kind === 'live' ? 'last 15 min' : rangeWords(range.value)}>
        <SubjectCharts subject={{ of: 'service', name: id }} marks={marksOf(events?.events ?? [])} />
        <EventList events={events} />
      </Panel>
      {node.versions.length > 0 && <Versions node={node} />}
      <Rules id={id} />
      <div class="two">
        <Calls
          title="Called by"
          edges={incoming}
          other="source"
          empty="Nobody called it in this range of time."
        />
        <Calls
          title="Calls"
          edges={outgoing}
          other="target"
          empty="It called nobody in this range of time."
        />
      </div>
      {node.kind === 'service' && <Endpoints node={node} />}
      <ServicePolicy node={node} />
      {node.kind === 'service' && <Configuration node={node} />}
    </>
  )
}

function ServiceFacts({ node }: { node: GraphNode }) {
  const { traffic } = node
  return (
    <Facts
      facts={[
        ['Requests/s', rate(traffic.rate)],
        ['Success', <Success share={traffic.successRate} />],
        ['p50', milliseconds(traffic.p50Ms)],
        ['p95', milliseconds(traffic.p95Ms)],
        ['p99', milliseconds(traffic.p99Ms)],
        ['Mutual TLS', <Transport traffic={traffic} />],
        ['Policy', <PolicyWord policy={node.policy} />],
        ['Endpoints', endpointWords(node)],
      ]}
    />
  )
}

export function EventList({ events }: { events: Events | undefined }) {
  if (!events || events.events.length === 0) return null
  return (
    <details class="events" open={events.events.length <= 6}>
      <summary>{plural(events.events.length, 'event')}, marked in the charts</summary>
      <ul class="changes">
        {events.events.map((one) => (
          <li key={`${one.at} ${one.object} ${one.text}`}>
            <time class="dim" title={dateTime(one.at)}>
              {clockTime(one.at)}
            </time>{' '}
            <span class={`tag event ${one.kind}`}>{one.kind}</span> <b>{one.object}</b> {one.text}
          </li>
        ))}
      </ul>
    </details>
  )
}

const callColumns = (other: 'source' | 'target'): readonly Column<GraphEdge>[] => [
  {
    key: 'name',
    head: other === 'source' ? 'Caller' : 'Called',
    cell: (edge) => <ServiceLink id={edge[other]} />,
  },
  { key: 'rate', head: 'Requests/s', number: true, cell: ({ traffic }) => rate(traffic.rate) },
  {
    key: 'success',
    head: 'Success',
    number: true,
    cell: ({ traffic }) => <Success share={traffic.successRate} />,
  },
  { key: 'p95', head: 'p95', number: true, cell: ({ traffic }) => milliseconds(traffic.p95Ms) },
  { key: 'tls', head: 'Mutual TLS', number: true, cell: ({ traffic }) => <Transport traffic={traffic} /> },
  {
    key: 'denied',
    head: 'Refused/s',
    number: true,
    cell: ({ deniedRate }) => <span class={deniedRate > 0 ? 'bad' : 'dim'}>{rate(deniedRate)}</span>,
  },
]

function Calls(props: {
  readonly title: string
  readonly edges: readonly GraphEdge[]
  readonly other: 'source' | 'target'
  readonly empty: string
}) {
  const { title, edges, other, empty } = props
  const sorted = edges.toSorted((a, b) => (a[other] < b[other] ? -1 : 1))
  return (
    <Panel title={title}>
      <VirtualTable
        caption={title}
        columns={callColumns(other)}
        rows={sorted}
        rowKey={(edge) => edge[other]}
        rowClass={({ health }) => health}
        empty={empty}
      />
    </Panel>
  )
}
