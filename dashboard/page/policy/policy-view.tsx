import type { Graph, GraphEdge } from '../../../core/api/traffic.ts'
import { rangeQuery } from '../address/address.ts'
import { linkTo, namespace, range } from '../address/navigate.ts'
import { liveGraph, LIVE_SECONDS } from '../ask/live-mesh.ts'
import type { Denial, Denials, PolicyOverview } from '../ask/pages.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { within } from '../map/fold.ts'
import { CoverageNote, Panel, PolicyWord, ServiceLink, Transport, Waiting } from '../parts/pieces.tsx'
import { VirtualTable, type Column } from '../parts/virtual-table.tsx'
import { clockTime, dateTime, duration, identityName, rate } from '../words/format.ts'

const POLL_MS = 5000

/** Who may, who calls, and who was refused. */
export function PolicyView() {
  const answer = useAnswer<Denials>('/api/authorization/denials', POLL_MS)
  const own = namespace.value
  const all = (answer.value?.denials ?? []).filter(
    ({ last }) =>
      own === '' || last.to.namespace === own || identityName(last.from.identity).startsWith(`${own}/`),
  )
  const refused = all.filter(({ last }) => !last.dryRun)
  const wouldBe = all.filter(({ last }) => last.dryRun)
  const hint = answer.value && `of the last ${duration(answer.value.windowSeconds)}`
  return (
    <>
      <h1>Policy</h1>
      <Panel title="Refused" hint={hint}>
        <CoverageNote coverage={answer.value?.coverage} />
        {answer.value ? (
          <DenialTable caption="Refusals" rows={refused} empty="Nobody was refused by a policy." />
        ) : (
          <Waiting answer={answer} what="refusals" />
        )}
      </Panel>
      <Panel title="Would be refused" hint="by policies in dry run, which let everything pass and tell">
        <DenialTable
          caption="Refusals of policies in dry run"
          rows={wouldBe}
          empty="No policy in dry run would refuse what was sent."
        />
      </Panel>
      <Callers />
      <Policies />
      <Panel title="Suggestions">
        <p>
          What was seen is what policies can be made of:{' '}
          <code>weft policy suggest{own === '' ? '' : ` -n ${own}`}</code> writes those that let in exactly
          who calls now, in dry run first.
        </p>
      </Panel>
    </>
  )
}

const DENIALS: readonly Column<Denial>[] = [
  {
    key: 'from',
    head: 'Who',
    cell: ({ last: { from } }) =>
      from.identity === '' ? (
        <span>
          <span class="tag warn">plaintext</span> {from.address}
        </span>
      ) : (
        <bdi title={from.identity}>{identityName(from.identity)}</bdi>
      ),
  },
  {
    key: 'to',
    head: 'Whom',
    cell: ({ last: { to } }) => (
      <span title={to.pod}>
        <ServiceLink id={`${to.service === '' ? to.pod : to.service}.${to.namespace}`} />:{to.port}
      </span>
    ),
  },
  {
    key: 'what',
    head: 'What',
    cell: ({ last }) => (
      <bdi class="mono">
        {last.protocol === 'tcp' ? `connection ${last.sni}`.trim() : `${last.method} ${last.path}`}
      </bdi>
    ),
  },
  {
    key: 'why',
    head: 'Why',
    cell: ({ last: { rule } }) =>
      rule === '' || rule === 'none' ? 'no rule allows it' : <bdi class="mono">{rule}</bdi>,
  },
  {
    key: 'last',
    head: 'Last',
    cell: ({ last: { time } }) => <time title={dateTime(time)}>{clockTime(time)}</time>,
  },
  {
    key: 'reference',
    head: 'weft why',
    cell: ({ last: { reference } }) => <code class="reference">{reference}</code>,
    title: 'weft why REFERENCE tells which rule comes nearest to letting it in',
  },
  { key: 'count', head: 'Times', number: true, cell: ({ count }) => count.toLocaleString('en') },
]

function DenialTable(props: {
  readonly caption: string
  readonly rows: readonly Denial[]
  readonly empty: string
}) {
  return (
    <VirtualTable
      caption={props.caption}
      columns={DENIALS}
      rows={props.rows}
      rowKey={({ last }) => last.reference + last.to.pod + last.rule + last.path}
      empty={props.empty}
    />
  )
}

/** Who calls whom, under which policy. */
function Callers() {
  const live = range.value.kind === 'live'
  const asked = useAnswer<Graph>(
    live ? null : `/api/graph?${rangeQuery(range.value, LIVE_SECONDS)}`,
    range.value.kind === 'fixed' ? 0 : POLL_MS,
  )
  const graph = live ? liveGraph.value : asked.value
  if (!graph)
    return (
      <Panel title="Who calls whom">
        <Waiting answer={asked} what="calls" />
      </Panel>
    )
  const shown = within(graph, namespace.value)
  const policies = new Map(graph.nodes.map((node) => [node.id, node.policy]))
  const columns: readonly Column<GraphEdge>[] = [
    { key: 'source', head: 'Who', cell: ({ source }) => <ServiceLink id={source} /> },
    { key: 'target', head: 'Whom', cell: ({ target }) => <ServiceLink id={target} /> },
    {
      key: 'policy',
      head: 'Policy',
      cell: ({ target }) => <PolicyWord policy={policies.get(target) ?? 'open'} />,
    },
    { key: 'rate', head: 'Requests/s', number: true, cell: ({ traffic }) => rate(traffic.rate) },
    {
      key: 'denied',
      head: 'Refused/s',
      number: true,
      cell: ({ deniedRate }) => <span class={deniedRate > 0 ? 'bad' : 'dim'}>{rate(deniedRate)}</span>,
    },
    { key: 'tls', head: 'Mutual TLS', number: true, cell: ({ traffic }) => <Transport traffic={traffic} /> },
  ]
  return (
    <Panel title="Who calls whom">
      <VirtualTable
        caption="Calls with the policy that holds for them"
        columns={columns}
        rows={shown.edges.toSorted(
          (a, b) =>
            Number(b.deniedRate > 0) - Number(a.deniedRate > 0) ||
            (`${a.target} ${a.source}` < `${b.target} ${b.source}` ? -1 : 1),
        )}
        rowKey={({ source, target }) => `${source} ${target}`}
        rowClass={({ deniedRate }) => (deniedRate > 0 ? 'failing' : '')}
        empty="No call was seen in this range of time."
      />
    </Panel>
  )
}

function Policies() {
  const answer = useAnswer<PolicyOverview>('/api/policies', 10_000)
  const own = namespace.value
  const rows = answer.value?.policies.filter((one) => own === '' || one.namespace === own)
  const columns: readonly Column<PolicyOverview['policies'][number]>[] = [
    {
      key: 'name',
      head: 'Policy',
      cell: ({ kind, namespace: home, name }) => (
        <span>
          {kind} <bdi>{[home, name].filter((part) => part !== '').join('/')}</bdi>
        </span>
      ),
    },
    {
      key: 'targets',
      head: 'For',
      cell: ({ targets }) => <bdi>{targets.map(({ kind, name }) => `${kind} ${name}`).join(', ')}</bdi>,
    },
    {
      key: 'state',
      head: 'State',
      cell: ({ targets }) => {
        const wrong = targets.find(({ accepted, partly }) => !accepted || partly !== '')
        if (!wrong) return <span class="good">in force</span>
        return (
          <span class={wrong.accepted ? 'poor' : 'bad'}>
            {wrong.accepted ? wrong.partly : `${wrong.reason}: ${wrong.message}`}
          </span>
        )
      },
    },
  ]
  return (
    <Panel title="Policies" hint={<a href={linkTo('mesh')}>checks</a>}>
      {rows ? (
        <VirtualTable
          caption="Policies and what became of them"
          columns={columns}
          rows={rows}
          rowKey={({ kind, namespace: home, name }) => `${kind} ${home} ${name}`}
          empty="There is no policy of traffic."
        />
      ) : (
        <Waiting answer={answer} what="policies" />
      )}
    </Panel>
  )
}
