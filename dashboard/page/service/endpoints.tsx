import type { Ejection } from '../../../core/api/sidecars.ts'
import type { GraphNode } from '../../../core/api/traffic.ts'
import type { ServiceEndpoint, ServiceEndpoints } from '../../../core/api/service.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { CertificateEnd } from '../parts/certificate-end.tsx'
import { CoverageNote, Panel, Waiting } from '../parts/pieces.tsx'
import { VirtualTable, type Column } from '../parts/virtual-table.tsx'
import { clockTime, dateTime, duration, identityName, milliseconds, plural } from '../words/format.ts'

const POLL_MS = 5000

function columns(now: number): readonly Column<ServiceEndpoint>[] {
  return [
    {
      key: 'workload',
      head: 'Pod',
      cell: ({ workload, address }) => <bdi>{workload === '' ? address : workload}</bdi>,
    },
    { key: 'address', head: 'Address', cell: ({ address }) => <code>{address}</code> },
    {
      key: 'health',
      head: 'State',
      cell: ({ health, ejections }) =>
        ejections.length > 0 ? (
          <Ejected ejections={ejections} now={now} />
        ) : (
          <span class={health === 'healthy' ? 'good' : 'poor'}>{health}</span>
        ),
    },
    {
      key: 'active',
      head: 'In flight',
      number: true,
      cell: ({ active }) => (active === null ? <span class="dim">–</span> : active.toLocaleString('en')),
      title: 'requests and connections of the callers that were asked',
    },
    {
      key: 'latency',
      head: 'Latency',
      number: true,
      cell: ({ latencyMs }) => milliseconds(latencyMs),
      title: 'the longest that a caller reckons with when it chooses, failures among it',
    },
    {
      key: 'zone',
      head: 'Zone',
      cell: ({ zone, node }) => <span title={node}>{zone === '' ? '–' : zone}</span>,
    },
    {
      key: 'identity',
      head: 'Identity',
      cell: ({ identity, meshed }) =>
        meshed ? (
          <span title={identity}>{identityName(identity)}</span>
        ) : (
          <span class="poor">no sidecar</span>
        ),
    },
    {
      key: 'certificate',
      head: 'Certificate ends',
      number: true,
      cell: ({ certificateEndsAt, meshed }) =>
        meshed ? <CertificateEnd at={certificateEndsAt} now={now} /> : <span class="dim">–</span>,
    },
  ]
}

/** Who leaves it out, why, and until when. */
function Ejected({ ejections, now }: { ejections: readonly Ejection[]; now: number }) {
  const [first] = ejections
  if (!first) return null
  const until = Math.max(...ejections.map((one) => one.until))
  const callers = [...new Set(ejections.map(({ caller }) => caller))]
  const title = ejections
    .slice(0, 20)
    .map(({ pod, reason, since }) => `${pod}: ${words(reason)}, since ${clockTime(since)}`)
    .join('\n')
  return (
    <span class="bad" title={title}>
      <b>ejected</b> by <bdi>{callers[0]}</bdi>
      {callers.length > 1 && ` and ${callers.length - 1} more`}: {words(first.reason)},{' '}
      {until > now ? (
        <time title={dateTime(until)}>for {duration((until - now) / 1000)} more</time>
      ) : (
        'one request decides'
      )}
    </span>
  )
}

function words(reason: string): string {
  return reason.replaceAll('-', ' ')
}

/** Where requests to a service can go, and how each place does. */
export function Endpoints({ node }: { node: GraphNode }) {
  const answer = useAnswer<ServiceEndpoints>(
    `/api/services/${encodeURIComponent(node.namespace)}/${encodeURIComponent(node.name)}/endpoints`,
    POLL_MS,
  )
  const { ready, total } = node.endpoints
  const endpoints = answer.value?.endpoints ?? []
  const out = endpoints.filter(({ ejections }) => ejections.length > 0).length
  return (
    <Panel
      title="Endpoints"
      hint={`${ready} of ${total} ready${out > 0 ? `, ${plural(out, 'is', 'are')} ejected by callers` : ''}`}
    >
      <CoverageNote coverage={answer.value?.coverage} />
      {answer.value ? (
        <>
          <VirtualTable
            caption="Endpoints"
            columns={columns(answer.value.now)}
            rows={endpoints}
            rowKey={({ address }) => address}
            rowClass={({ health, ejections }) =>
              ejections.length > 0 ? 'failing' : health === 'healthy' ? '' : 'degraded'
            }
            empty="There is no endpoint: nothing answers requests to this service."
          />
          <Asked answer={answer.value} />
        </>
      ) : (
        <Waiting answer={answer} what="endpoints" />
      )}
    </Panel>
  )
}

/** Of whom the load is: a part of all callers. */
function Asked({ answer }: { answer: ServiceEndpoints }) {
  const { asked, unanswered, callers } = answer
  if (asked.length === 0 && unanswered.length === 0)
    return <p class="hint">In flight and latency are not known: no sidecar called it in the last minute.</p>
  return (
    <p class="hint">
      In flight and latency are those of {asked.length} of {plural(callers, 'pod')} that call it:{' '}
      <bdi>{asked.map(({ pod }) => pod).join(', ') || 'none'}</bdi>.
      {unanswered.length > 0 && (
        <span class="poor">
          {' '}
          Asked in vain: <bdi>{unanswered.map(({ pod, reason }) => `${pod} (${reason})`).join('; ')}</bdi>.
        </span>
      )}{' '}
      Ejections are those of all.
    </p>
  )
}
