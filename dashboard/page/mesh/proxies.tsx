import { useMemo } from 'preact/hooks'
import type { Sidecar } from '../../../core/api/sidecars.ts'
import { address, namespace, setParams } from '../address/navigate.ts'
import { ServiceLink } from '../parts/pieces.tsx'
import { VirtualTable, type Column } from '../parts/virtual-table.tsx'
import { dateTime, duration } from '../words/format.ts'

function columns(now: number): readonly Column<Sidecar>[] {
  const since = (at: number | null) =>
    at === null ? <span class="dim">–</span> : <time title={dateTime(at)}>{duration((now - at) / 1000)}</time>
  return [
    {
      key: 'pod',
      head: 'Pod',
      cell: ({ pod, namespace: home }) => <bdi>{`${pod}.${home}`}</bdi>,
      order: ({ pod, namespace: home }) => `${pod}.${home}`,
    },
    {
      key: 'service',
      head: 'Service',
      cell: ({ service, namespace: home }) =>
        service === '' ? <span class="dim">–</span> : <ServiceLink id={`${service}.${home}`} />,
      order: ({ service }) => service,
    },
    {
      key: 'version',
      head: 'Configuration',
      number: true,
      cell: (sidecar) => <Version sidecar={sidecar} />,
      order: ({ connectedAt, behind }) => (connectedAt === null ? -1 : -behind),
    },
    {
      key: 'changed',
      head: 'Changed before',
      number: true,
      cell: ({ configChangedAt }) => since(configChangedAt),
      order: ({ configChangedAt }) => configChangedAt ?? 0,
    },
    {
      key: 'connected',
      head: 'Connected for',
      number: true,
      cell: ({ connectedAt }) => since(connectedAt),
      order: ({ connectedAt }) => -(connectedAt ?? 0),
    },
    {
      key: 'account',
      head: 'Service account',
      cell: ({ serviceAccount }) => <bdi>{serviceAccount}</bdi>,
      order: ({ serviceAccount }) => serviceAccount,
    },
    {
      key: 'runtime',
      head: 'Node.js',
      cell: ({ runtime }) => (runtime === '' ? '–' : runtime),
      order: ({ runtime }) => runtime,
    },
  ]
}

function Version({ sidecar }: { sidecar: Sidecar }) {
  const { version, behind, rejected, connectedAt } = sidecar
  if (connectedAt === null) return <span class="bad">not connected</span>
  if (rejected !== '')
    return (
      <span class="bad" title={rejected}>
        {version}, refuses newer
      </span>
    )
  return behind > 0 ? (
    <span class="poor">
      {version}, {behind} behind
    </span>
  ) : (
    <>{version}</>
  )
}

/** Every sidecar of the mesh, those that should be there and are not among them. */
export function Proxies({ sidecars, now }: { sidecars: readonly Sidecar[]; now: number }) {
  const own = namespace.value
  const word = (address.value.params['find'] ?? '').toLowerCase()
  const rows = useMemo(
    () =>
      sidecars.filter(
        (one) =>
          (own === '' || one.namespace === own) &&
          (word === '' || `${one.pod}.${one.namespace}`.toLowerCase().includes(word)),
      ),
    [sidecars, own, word],
  )
  const shown = useMemo(() => columns(now), [now])
  return (
    <>
      <p class="filter">
        <label>
          Find{' '}
          <input
            type="search"
            value={address.value.params['find'] ?? ''}
            placeholder="pod"
            onInput={(event) => setParams({ find: event.currentTarget.value }, true)}
          />
        </label>
      </p>
      <VirtualTable
        caption="Proxies"
        columns={shown}
        rows={rows}
        rowKey={({ pod, namespace: home }) => `${home}/${pod}`}
        rowClass={({ rejected, connectedAt }) => (rejected === '' && connectedAt !== null ? '' : 'failing')}
        empty={
          sidecars.length === 0 ? 'No pod of the mesh has a sidecar.' : 'No proxy fits what is looked for.'
        }
        sort={address.value.params['by'] ?? 'pod'}
        onSort={(by) => setParams({ by }, true)}
      />
    </>
  )
}
