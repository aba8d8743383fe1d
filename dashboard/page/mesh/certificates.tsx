import type { Sidecar, Sidecars } from '../../../core/api/sidecars.ts'
import { namespace } from '../address/navigate.ts'
import type { Answer } from '../ask/use-answer.ts'
import { CertificateEnd } from '../parts/certificate-end.tsx'
import { Panel, ServiceLink, Waiting } from '../parts/pieces.tsx'
import { VirtualTable, type Column } from '../parts/virtual-table.tsx'
import { plural } from '../words/format.ts'

function columns(now: number): readonly Column<Sidecar>[] {
  return [
    { key: 'pod', head: 'Pod', cell: ({ pod, namespace: home }) => <bdi>{`${pod}.${home}`}</bdi> },
    {
      key: 'service',
      head: 'Service',
      cell: ({ service, namespace: home }) =>
        service === '' ? <span class="dim">–</span> : <ServiceLink id={`${service}.${home}`} />,
    },
    {
      key: 'ends',
      head: 'Its certificate ends',
      number: true,
      cell: ({ certificateEndsAt }) => <CertificateEnd at={certificateEndsAt} now={now} />,
    },
    {
      key: 'root',
      head: 'First of its roots',
      number: true,
      cell: ({ rootEndsAt }) => <CertificateEnd at={rootEndsAt} now={now} />,
    },
  ]
}

/** Of the whole mesh, the first to end first; what nobody has told at the end. */
export function byExpiry(sidecars: readonly Sidecar[]): readonly Sidecar[] {
  return sidecars.toSorted(
    (a, b) => (a.certificateEndsAt ?? Infinity) - (b.certificateEndsAt ?? Infinity) || 0,
  )
}

export function Certificates({ answer }: { answer: Answer<Sidecars> }) {
  const own = namespace.value
  if (!answer.value)
    return (
      <Panel title="Certificates">
        <Waiting answer={answer} what="certificates" />
      </Panel>
    )
  const { now } = answer.value
  const sidecars = answer.value.sidecars.filter((one) => own === '' || one.namespace === own)
  const ended = sidecars.filter(({ certificateEndsAt: at }) => at !== null && at <= now).length
  const untold = sidecars.filter(({ certificateEndsAt: at }) => at === null).length
  return (
    <Panel
      title="Certificates"
      hint={
        <>
          what ends first first
          {ended > 0 && <b class="bad">, {plural(ended, 'has', 'have')} ended</b>}
          {untold > 0 && `, ${untold} not told`}
        </>
      }
    >
      <VirtualTable
        caption="Certificates by expiry"
        columns={columns(now)}
        rows={byExpiry(sidecars)}
        rowKey={({ pod, namespace: home }) => `${home}/${pod}`}
        rowClass={({ certificateEndsAt: at }) => (at !== null && at <= now ? 'failing' : '')}
        empty="No sidecar is known."
      />
    </Panel>
  )
}
