import { useMemo } from 'preact/hooks'
import type { CheckFinding, Checks } from '../../../core/api/checks.ts'
import type { Coverage } from '../../../core/api/coverage.ts'
import { address, namespace, setParams } from '../address/navigate.ts'
import { meshFacts } from '../ask/live-mesh.ts'
import type { Problem, Proxy } from '../ask/pages.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { CoverageNote, Facts, Panel, ServiceLink, Waiting } from '../parts/pieces.tsx'
import { VirtualTable, type Column } from '../parts/virtual-table.tsx'
import { dateTime, duration, plural } from '../words/format.ts'
import { findingsOf } from './findings.ts'

const POLL_MS = 5000

/** What the mesh itself is and what is wrong with it: proxies, configuration, certificates, checks. */
export function MeshView() {
  const facts = meshFacts.value
  const proxies = useAnswer<{ readonly coverage?: Coverage; readonly proxies: readonly Proxy[] }>(
    '/api/proxies',
    POLL_MS,
  )
  return (
    <>
      <h1>Mesh</h1>
      {facts && (
        <Facts
          facts={[
            ['Release', facts.release],
            ['Up for', facts.startedAt ? duration((Date.now() - facts.startedAt) / 1000) : '–'],
            ['Configuration', `version ${facts.version}`],
            ['Trust domain', facts.trustDomain],
            [
              'Certificates',
              facts.issuer ? (
                facts.issuer.trouble ? (
                  <span class="bad">{facts.issuer.title}</span>
                ) : (
                  facts.issuer.title
                )
              ) : (
                'not signed here'
              ),
            ],
            [
              'Proxies',
              <span class={facts.proxies.connected < facts.proxies.expected ? 'poor' : ''}>
                {facts.proxies.connected} of {facts.proxies.expected} connected
              </span>,
            ],
            [
              'Refusing',
              <span class={facts.proxies.rejecting > 0 ? 'bad' : ''}>{facts.proxies.rejecting}</span>,
            ],
            ['Reports refused', facts.telemetry.refused.toLocaleString('en')],
          ]}
        />
      )}
      <CheckList />
      <Refusing proxies={proxies.value?.proxies ?? []} />
      <Panel title="Proxies" hint={proxies.value && plural(proxies.value.proxies.length, 'stream')}>
        <CoverageNote coverage={proxies.value?.coverage} />
        {proxies.value ? (
          <Proxies proxies={proxies.value.proxies} newest={facts?.version ?? 0} />
        ) : (
          <Waiting answer={proxies} what="proxies" />
        )}
      </Panel>
    </>
  )
}

function CheckList() {
  const checks = useAnswer<Checks>('/api/checks', 10_000)
  const without = checks.trouble?.kind === 'missing'
  const problems = useAnswer<{ readonly problems: readonly Problem[] }>(
    without ? '/api/problems' : null,
    10_000,
  )
  const own = namespace.value
  const found = useMemo(
    () => findingsOf(checks.value, problems.value?.problems),
    [checks.value, problems.value],
  )
  const shown = found?.filter((one) => own === '' || one.namespace === own || one.namespace === '')
  return (
    <Panel title="Checks" hint={shown && plural(shown.length, 'finding')}>
      <CoverageNote coverage={checks.value?.coverage} />
      {!shown && <Waiting answer={without ? problems : checks} what="checks" />}
      {shown?.length === 0 && <p class="empty good">Nothing is wrong with the configuration.</p>}
      {shown && shown.length > 0 && (
        <ul class="findings">
          {shown.slice(0, 200).map((one) => (
            <Finding
              key={`${one.code} ${one.kind} ${one.namespace} ${one.name} ${one.field} ${one.message}`}
              finding={one}
            />
          ))}
          {shown.length > 200 && (
            <li class="dim">and {plural(shown.length - 200, 'other')}: weft lint lists all</li>
          )}
        </ul>
      )}
    </Panel>
  )
}

function Finding({ finding }: { finding: CheckFinding }) {
  const {
    code,
    severity,
    kind,
    namespace: home,
    name,
    field,
    message,
    effect,
    remedy,
    file,
    line,
    column,
  } = finding
  const place = [file, line, column].filter((part) => part !== null).join(':')
  const object = [kind, [home, name].filter((part) => part !== '').join('/')].join(' ').trim()
  return (
    <li class={severity}>
      <span class={`tag ${severity === 'error' ? 'bad' : severity === 'warning' ? 'warn' : ''}`}>
        {severity}
      </span>{' '}
      {code !== '' && <code>{code}</code>}{' '}
      {object !== '' && (
        <b>
          <bdi>{object}</bdi>
        </b>
      )}{' '}
      {field !== '' && <code>{field}</code>} <bdi>{message}</bdi>
      {effect !== '' && <p class="hint">{effect}</p>}
      <p class="remedy">{remedy}</p>
      {place !== '' && <p class="dim place">{place}</p>}
    </li>
  )
}

function Refusing({ proxies }: { proxies: readonly Proxy[] }) {
  const refusing = proxies.filter(({ rejected }) => rejected !== '')
  if (refusing.length === 0) return null
  return (
    <Panel title="Configuration that was refused" hint="these proxies go on with what they took before">
      <ul class="findings">
        {refusing.slice(0, 50).map(({ node, rejected }) => (
          <li key={node} class="error">
            <b>
              <bdi>{node}</bdi>
            </b>{' '}
            <bdi>{rejected}</bdi>
          </li>
        ))}
        {refusing.length > 50 && <li class="dim">and {refusing.length - 50} more in the table</li>}
      </ul>
    </Panel>
  )
}

function Proxies({ proxies, newest }: { proxies: readonly Proxy[]; newest: number }) {
  const own = namespace.value
  const word = (address.value.params['find'] ?? '').toLowerCase()
  const rows = useMemo(
    () =>
      proxies.filter(
        (one) =>
          (own === '' || one.namespace === own) && (word === '' || one.node.toLowerCase().includes(word)),
      ),
    [proxies, own, word],
  )
  const columns: readonly Column<Proxy>[] = [
    { key: 'pod', head: 'Pod', cell: ({ node }) => <bdi>{node}</bdi>, order: ({ node }) => node },
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
      cell: ({ version, rejected, latest = newest }) => (
        <span class={rejected !== '' ? 'bad' : version < latest ? 'poor' : ''} title={rejected}>
          {rejected !== ''
            ? `${version}, refuses newer`
            : version < latest
              ? `${version}, ${latest - version} behind`
              : version}
        </span>
      ),
      order: ({ version }) => version,
    },
    {
      key: 'connected',
      head: 'Connected for',
      number: true,
      cell: ({ connectedAt }) => (
        <time title={dateTime(connectedAt)}>{duration((Date.now() - connectedAt) / 1000)}</time>
      ),
      order: ({ connectedAt }) => -connectedAt,
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
      cell: ({ runtime }) => runtime ?? '–',
      order: ({ runtime }) => runtime ?? '',
    },
  ]
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
        columns={columns}
        rows={rows}
        rowKey={({ node, connectedAt }) => `${node} ${connectedAt}`}
        rowClass={({ rejected }) => (rejected === '' ? '' : 'failing')}
        empty={
          proxies.length === 0
            ? 'No proxy is connected to this control plane.'
            : 'No proxy fits what is looked for.'
        }
        sort={address.value.params['by'] ?? 'pod'}
        onSort={(by) => setParams({ by }, true)}
      />
    </>
  )
}
