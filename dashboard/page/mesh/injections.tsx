import type { InjectionDecision, Injections as Answer } from '../../../core/api/injections.ts'
import { namespace } from '../address/navigate.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { Panel, Waiting } from '../parts/pieces.tsx'
import { VirtualTable, type Column } from '../parts/virtual-table.tsx'
import { plural } from '../words/format.ts'

const POLL_MS = 10_000

const COLUMNS: readonly Column<InjectionDecision>[] = [
  { key: 'pod', head: 'Pod', cell: ({ pod, namespace: home }) => <bdi>{`${pod}.${home}`}</bdi> },
  {
    key: 'reason',
    head: 'Reason',
    cell: ({ reason }) => <span class={reason === 'missed' ? 'bad' : 'dim'}>{reason}</span>,
  },
  {
    key: 'text',
    head: 'Why it has no sidecar',
    cell: ({ text, remedy }) => (
      <span>
        {text} {remedy !== '' && <b>{remedy}</b>}
      </span>
    ),
  },
]

/** Which pods have a sidecar, and why the others have none. */
export function Injections() {
  const own = namespace.value
  const query = own === '' ? '' : `?namespace=${encodeURIComponent(own)}`
  const answer = useAnswer<Answer>(`/api/injections${query}`, POLL_MS)
  if (!answer.value)
    return (
      <Panel title="Injection">
        <Waiting answer={answer} what="injection" />
      </Panel>
    )
  const { counts, without, more } = answer.value
  const injected = counts.filter((one) => one.injected).reduce((sum, { pods }) => sum + pods, 0)
  const all = counts.reduce((sum, { pods }) => sum + pods, 0)
  return (
    <Panel title="Injection" hint={`${injected} of ${plural(all, 'pod')} with a sidecar`}>
      <VirtualTable
        caption="Pods without a sidecar"
        columns={COLUMNS}
        rows={without}
        rowKey={({ namespace: home, pod }) => `${home}/${pod}`}
        rowClass={({ reason }) => (reason === 'missed' ? 'degraded' : '')}
        empty="Every pod has its sidecar."
      />
      {more > 0 && <p class="hint">and {plural(more, 'other')} without a sidecar</p>}
    </Panel>
  )
}
