import type { GraphNode } from '../../../core/api/traffic.ts'
import type { ServiceEndpoints } from '../ask/pages.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { Panel, Waiting } from '../parts/pieces.tsx'
import { VirtualTable, type Column } from '../parts/virtual-table.tsx'
import { identityName, plural } from '../words/format.ts'

const POLL_MS = 5000

interface Row {
  readonly address: string
  readonly workload: string
  readonly zone: string
  readonly node: string
  readonly health: string
  readonly meshed: boolean
  readonly identity: string
  readonly protocol: string
}

const COLUMNS: readonly Column<Row>[] = [
  {
    key: 'workload',
    head: 'Pod',
    cell: ({ workload, address }) => <bdi>{workload === '' ? address : workload}</bdi>,
  },
  { key: 'address', head: 'Address', cell: ({ address }) => <code>{address}</code> },
  {
    key: 'health',
    head: 'State',
    cell: ({ health }) => <span class={health === 'healthy' ? 'good' : 'poor'}>{health}</span>,
  },
  { key: 'protocol', head: 'Protocol', cell: ({ protocol }) => protocol },
  {
    key: 'zone',
    head: 'Zone',
    cell: ({ zone, node }) => <span title={node}>{zone === '' ? '–' : zone}</span>,
  },
  {
    key: 'identity',
    head: 'Identity',
    cell: ({ identity, meshed }) =>
      meshed ? <span title={identity}>{identityName(identity)}</span> : <span class="poor">no sidecar</span>,
  },
]

/** Where requests to a service can go. */
export function Endpoints({ node }: { node: GraphNode }) {
  const answer = useAnswer<ServiceEndpoints>(
    `/api/services/${encodeURIComponent(node.namespace)}/${encodeURIComponent(node.name)}`,
    POLL_MS,
  )
  const { ready, total, ejected } = node.endpoints
  const rows = (answer.value?.ports ?? []).flatMap(({ protocol, endpoints }) =>
    endpoints.map((one) => ({ ...one, protocol, address: `${one.address}:${one.port}` })),
  )
  return (
    <Panel
      title="Endpoints"
      hint={`${ready} of ${total} ready${ejected > 0 ? `, ${plural(ejected, 'one is', 'are')} ejected by callers` : ''}`}
    >
      {answer.value ? (
        <VirtualTable
          caption="Endpoints"
          columns={COLUMNS}
          rows={rows}
          rowKey={({ address, protocol }) => `${address} ${protocol}`}
          rowClass={({ health }) => (health === 'healthy' ? '' : 'degraded')}
          empty="There is no endpoint: nothing answers requests to this service."
        />
      ) : (
        <Waiting answer={answer} what="endpoints" />
      )}
    </Panel>
  )
}
