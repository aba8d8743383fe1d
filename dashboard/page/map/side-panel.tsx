import type { Graph, GraphEdge, GraphNode } from '../../../core/api/traffic.ts'
import { linkTo } from '../address/navigate.ts'
import {
  Facts,
  HealthTag,
  PolicyWord,
  ServiceLink,
  ServiceName,
  Success,
  Transport,
} from '../parts/pieces.tsx'
import { milliseconds, percent, plural, rate } from '../words/format.ts'
import { edgeId } from './geometry.ts'
import { shownId, type ShownNode } from './fold.ts'
import { SubjectCharts } from '../service/subject-charts.tsx'

export interface SidePanelProps {
  readonly graph: Pick<Graph, 'nodes' | 'edges'>
  readonly folded: ShownNode | undefined
  readonly picked: string
  readonly onClose: () => void
  readonly onUnfold: (namespace: string) => void
}

/** Of the node or call that is picked. */
export function SidePanel({ graph, folded, picked, onClose, onUnfold }: SidePanelProps) {
  const node = graph.nodes.find(({ id }) => shownId(id) === picked)
  const edge = graph.edges.find((one) => edgeId(one) === picked)
  return (
    <aside class="side" aria-label="What is picked" aria-live="polite">
      <button type="button" class="quiet close" aria-label="Close" onClick={onClose}>
        ✕
      </button>
      {node ? (
        <NodeDetails node={node} graph={graph} />
      ) : edge ? (
        <EdgeDetails edge={edge} />
      ) : folded ? (
        <FoldedDetails node={folded} onUnfold={onUnfold} />
      ) : (
        <p class="empty">
          <ServiceName id={picked} /> is not seen in this range of time.
        </p>
      )}
    </aside>
  )
}

function NodeDetails({ node, graph }: { node: GraphNode; graph: Pick<Graph, 'edges'> }) {
  const { traffic, endpoints } = node
  const callers = graph.edges.filter(({ target }) => target === node.id)
  const callees = graph.edges.filter(({ source }) => source === node.id)
  return (
    <>
      <h2>{node.id === '' ? 'Outside of the mesh' : <ServiceName id={node.id} />}</h2>
      <p>
        <HealthTag health={node.health} /> {node.reasons.join(' ')}
      </p>
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
          ...(endpoints.ejected > 0 ? ([['Ejected', <b class="bad">{endpoints.ejected}</b>]] as const) : []),
        ]}
      />
      {node.versionOf.length > 0 && (
        <p>
          A version of{' '}
          {node.versionOf.map((id) => (
            <ServiceLink key={id} id={id} />
          ))}
          : what that was asked for and led here is counted here, too.
        </p>
      )}
      {node.versions.length > 0 && (
        <>
          <h3>Split</h3>
          <ul class="plain">
            {node.versions.map(({ id, percent: share }) => (
              <li key={id}>
                <ServiceLink id={id} /> <span class="dim">{percent(share)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {node.id !== '' && node.kind !== 'outside' && (
        <SubjectCharts subject={{ of: 'service', name: node.id }} small />
      )}
      <CallList title="Called by" list={callers} other="source" />
      <CallList title="Calls" list={callees} other="target" />
      {node.id !== '' && (
        <p class="links">
          <a href={linkTo('service', [node.id])}>All of {node.name}</a>
          <a href={linkTo('traces', [], { service: node.id })}>Its traces</a>
          <a href={linkTo('live', [], { service: node.id })}>Tap it</a>
        </p>
      )}
    </>
  )
}

export function endpointWords({ endpoints }: Pick<GraphNode, 'endpoints'>): string {
  const { ready, total, meshed } = endpoints
  const bare = total - meshed
  return `${ready} of ${total} ready${bare > 0 && total > 0 ? `, ${bare} without sidecar` : ''}`
}

function CallList({
  title,
  list,
  other,
}: {
  title: string
  list: readonly GraphEdge[]
  other: 'source' | 'target'
}) {
  if (list.length === 0) return null
  const sorted = list.toSorted((a, b) => b.traffic.rate - a.traffic.rate || (a[other] < b[other] ? -1 : 1))
  return (
    <>
      <h3>{title}</h3>
      <ul class="plain calls">
        {sorted.slice(0, 12).map((edge) => (
          <li key={edgeId(edge)}>
            <ServiceLink id={edge[other]} />{' '}
            <span class="dim">
              {rate(edge.traffic.rate)}/s <Success share={edge.traffic.successRate} />
            </span>
          </li>
        ))}
        {sorted.length > 12 && <li class="dim">and {plural(sorted.length - 12, 'other')}</li>}
      </ul>
    </>
  )
}

function EdgeDetails({ edge }: { edge: GraphEdge }) {
  const { traffic } = edge
  return (
    <>
      <h2>
        {edge.source === '' ? 'Outside of the mesh' : <ServiceName id={edge.source} />} →{' '}
        <ServiceName id={edge.target} />
      </h2>
      <p>
        <HealthTag health={edge.health} />
      </p>
      <Facts
        facts={[
          ['Requests/s', rate(traffic.rate)],
          ['Failed/s', rate(traffic.failedRate)],
          ['Success', <Success share={traffic.successRate} />],
          ['p50', milliseconds(traffic.p50Ms)],
          ['p95', milliseconds(traffic.p95Ms)],
          ['p99', milliseconds(traffic.p99Ms)],
          ['Mutual TLS', <Transport traffic={traffic} />],
          ...(edge.deniedRate > 0 ? ([['Refused by policy/s', rate(edge.deniedRate)]] as const) : []),
        ]}
      />
      <SubjectCharts subject={{ of: 'edge', source: edge.source, target: edge.target }} small />
      <p class="links">
        {edge.source !== '' && <a href={linkTo('service', [edge.source])}>The caller</a>}
        <a href={linkTo('service', [edge.target])}>The one that is called</a>
        <a href={linkTo('traces', [], { service: edge.target })}>Traces</a>
        {edge.deniedRate > 0 && <a href={linkTo('policy')}>Why it is refused</a>}
      </p>
    </>
  )
}

function FoldedDetails({ node, onUnfold }: { node: ShownNode; onUnfold: (namespace: string) => void }) {
  return (
    <>
      <h2>
        Namespace <bdi>{node.namespace}</bdi>
      </h2>
      <p>
        <HealthTag health={node.health} /> {plural(node.members, 'service')}
        {node.failing > 0 && `, ${node.failing} failing`}
      </p>
      <Facts
        facts={[
          ['Requests/s', rate(node.traffic.rate)],
          ['Success', <Success share={node.traffic.successRate} />],
          ['worst p95', milliseconds(node.traffic.p95Ms)],
          ['Mutual TLS', <Transport traffic={node.traffic} />],
        ]}
      />
      <p class="links">
        <button type="button" onClick={() => onUnfold(node.namespace)}>
          Unfold
        </button>
      </p>
    </>
  )
}
