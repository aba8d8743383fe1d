import { useMemo } from 'preact/hooks'
import type { Events, Graph, GraphNode } from '../../../core/api/traffic.ts'
import { address, go, namespace, range, setParams } from '../address/navigate.ts'
import { rangeQuery } from '../address/address.ts'
import { LIVE_SECONDS, liveGraph, withoutGraph } from '../ask/live-mesh.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { rangeWords } from '../parts/head.tsx'
import {
  CoverageNote,
  HealthTag,
  Panel,
  PolicyWord,
  ServiceLink,
  Success,
  Transport,
  Waiting,
} from '../parts/pieces.tsx'
import { VirtualTable, type Column } from '../parts/virtual-table.tsx'
import { clockTime, duration, milliseconds, plural, rate } from '../words/format.ts'
import { MapCanvas } from './canvas.tsx'
import { changesBetween, type Change } from './changes.ts'
import { edgeId } from './geometry.ts'
import { fold, namespacesOf, openNamespaces, openWord, within } from './fold.ts'
import { endpointWords, SidePanel } from './side-panel.tsx'
import { graphWithVersions } from './versions.ts'

const POLL_MS = 5000
/** What one position of the replay is about. */
const REPLAY_MS = 60_000
const REPLAY_SECONDS = 3600
const COMPARED: readonly (readonly [string, string])[] = [
  ['', 'nothing'],
  ['300', '5 min before'],
  ['3600', '1 h before'],
  ['86400', '1 d before'],
]
const HEALTH_ORDER = { failing: 0, degraded: 1, ok: 2, idle: 3 }

/** What calls what, and how it does. */
export function MapView() {
  const { params } = address.value
  const at = Number(params['at'] ?? 0)
  const live = range.value.kind === 'live' && at === 0
  const query = at > 0 ? `from=${at - REPLAY_MS}&to=${at}` : rangeQuery(range.value, LIVE_SECONDS)
  const follows = at === 0 && range.value.kind !== 'fixed'
  const asked = useAnswer<Graph>(live ? null : `/api/graph?${query}`, follows ? POLL_MS : 0)
  const whole = live ? liveGraph.value : asked.value
  const own = namespace.value
  const graph = useMemo(() => whole && within(whole, own), [whole, own])
  const open = useMemo(
    () => openNamespaces(params['open'] ?? '', graph?.nodes ?? []),
    [params['open'], graph],
  )
  const shown = useMemo(() => graph && fold(graph, open), [graph, open])
  const seen = useMemo(() => graph && graphWithVersions(graph), [graph])
  const seconds = Number(params['since'] ?? 0)
  const changes = useChanges(whole, seconds)
  const marked = useMemo(
    () =>
      new Set(
        (changes ?? []).map((one) =>
          one.source === null ? one.target : edgeId({ source: one.source, target: one.target }),
        ),
      ),
    [changes],
  )

  const picked = params['pick'] ?? ''
  const pick = (id: string): void => setParams({ pick: id }, true)
  const unfold = (name: string): void =>
    setParams({ open: openWord(new Set([...open, name]), graph?.nodes ?? []), pick: '' })
  const onOpen = (id: string): void => {
    const folded = shown?.nodes.find((node) => node.id === id && node.kind === 'namespace')
    if (folded) unfold(folded.namespace)
    else if (id !== '' && graph?.nodes.some((node) => node.id === id)) go('service', [id])
  }
  const title = <h1 class="unseen">Map</h1>
  if (!graph || !shown || !seen || !whole)
    return (
      <>
        {title}
        {live && withoutGraph.value ? (
          <p class="empty">This control plane is of a version that has no map.</p>
        ) : live ? (
          <p class="empty">Waiting for the first picture of the mesh…</p>
        ) : (
          <Waiting answer={asked} what="the map" />
        )}
      </>
    )
  return (
    <>
      {title}
      {!live && <CoverageNote coverage={asked.value?.coverage} />}
      <section class="map" aria-label="Map of the mesh">
        <div class="map-tools">
          <Folding nodes={graph.nodes} open={open} />
          <label class="control">
            Compare with{' '}
            <select
              value={params['since'] ?? ''}
              onChange={(event) => setParams({ since: event.currentTarget.value })}
            >
              {COMPARED.map(([value, words]) => (
                <option key={value} value={value}>
                  {words}
                </option>
              ))}
            </select>
          </label>
          <Replay at={at} />
          <span class="hint">{at > 0 ? `the minute before ${clockTime(at)}` : rangeWords(range.value)}</span>
        </div>
        {graph.nodes.length === 0 ? (
          <Nothing namespace={own} />
        ) : (
          <div class={picked === '' ? 'map-area' : 'map-area picked'}>
            <MapCanvas graph={shown} picked={picked} marked={marked} onPick={pick} onOpen={onOpen} />
            {picked !== '' && (
              <SidePanel
                graph={seen}
                folded={shown.nodes.find(({ id, kind }) => id === picked && kind === 'namespace')}
                picked={picked}
                onClose={() => pick('')}
                onUnfold={unfold}
              />
            )}
          </div>
        )}
        <Legend />
      </section>
      {changes && <Changes changes={changes} seconds={seconds} />}
      <Services nodes={seen.nodes} />
    </>
  )
}

/** Against the mesh `seconds` before, over as long; undefined where nothing is compared. */
function useChanges(graph: Graph | undefined, seconds: number): readonly Change[] | undefined {
  // To ten seconds, so that a live map does not ask anew with each picture.
  const to = graph && seconds > 0 ? Math.floor(graph.to / 10_000) * 10_000 - seconds * 1000 : 0
  const width = graph ? Math.max(30_000, graph.to - graph.from) : 0
  const before = useAnswer<Graph>(to > 0 ? `/api/graph?from=${to - width}&to=${to}` : null).value
  return useMemo(
    () => (graph && before && seconds > 0 ? changesBetween(before, graph) : undefined),
    [graph, before, seconds],
  )
}

function Nothing({ namespace: own }: { namespace: string }) {
  if (own !== '') return <p class="empty">Nothing is known of namespace {own} in this range of time.</p>
  return (
    <p class="empty">
      No service is known yet. Label a namespace <code>weft.dev/inject: enabled</code> and deploy into it.
      Until then every Service is reached as it is.
    </p>
  )
}

function Folding({ nodes, open }: { nodes: readonly GraphNode[]; open: ReadonlySet<string> }) {
  const all = [...namespacesOf(nodes)]
  if (all.length < 2) return null
  return (
    <details class="folding">
      <summary>
        {open.size} of {plural(all.length, 'namespace')} open
      </summary>
      <div class="folding-list">
        <button type="button" onClick={() => setParams({ open: '*', pick: '' })}>
          Open all
        </button>
        <button type="button" onClick={() => setParams({ open: '-', pick: '' })}>
          Fold all
        </button>
        {all.map((name) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={open.has(name)}
              onChange={() => {
                const next = new Set(open)
                if (!next.delete(name)) next.add(name)
                setParams({ open: openWord(next, nodes), pick: '' })
              }}
            />{' '}
            <bdi>{name}</bdi>
          </label>
        ))}
      </div>
    </details>
  )
}

/** The map of a minute in the past. */
function Replay({ at }: { at: number }) {
  const now = range.value
  const end = now.kind === 'fixed' ? now.to : Date.now()
  const start =
    now.kind === 'fixed' ? now.from : end - (now.kind === 'last' ? now.seconds : REPLAY_SECONDS) * 1000
  if (at === 0)
    return (
      <button type="button" onClick={() => setParams({ at: String(Math.floor(end / 10_000) * 10_000) })}>
        Replay
      </button>
    )
  const step = 10_000
  return (
    <span class="replay">
      <label>
        <span class="unseen">Moment</span>
        <input
          type="range"
          min={Math.ceil(start / step)}
          max={Math.floor(end / step)}
          value={Math.round(at / step)}
          aria-valuetext={clockTime(at)}
          onInput={(event) => setParams({ at: String(Number(event.currentTarget.value) * step) }, true)}
        />
      </label>
      <button type="button" onClick={() => setParams({ at: '' })}>
        Back to {now.kind === 'live' ? 'now' : 'the range'}
      </button>
    </span>
  )
}

function Legend() {
  return (
    <p class="legend hint">
      <span class="key ok">ok</span>
      <span class="key degraded">degraded</span>
      <span class="key failing">failing</span>
      <span class="key idle">no requests</span>
      <span>dashed: plaintext</span>
      <span>dotted: versions</span>
      <span>thicker: more requests</span>
      <span>shield: policies restrict who may call</span>
      <span>red mark: endpoints that callers leave out</span>
      <span>Ctrl and the wheel zoom</span>
    </p>
  )
}

function Changes({ changes, seconds }: { changes: readonly Change[]; seconds: number }) {
  const to = Math.floor(Date.now() / 10_000) * 10_000
  const { value } = useAnswer<Events>(`/api/events?from=${to - seconds * 1000}&to=${to}&limit=50`)
  return (
    <Panel title="What changed" hint={`against ${duration(seconds)} before`}>
      {changes.length === 0 && <p class="empty">Nothing that stands out.</p>}
      <ul class="changes">
        {changes.slice(0, 60).map((one) => (
          <li
            key={`${one.subject}\n${one.text}`}
            class={one.worse ? (one.weight === 3 ? 'bad' : 'poor') : ''}
          >
            {one.source === null ? (
              <ServiceLink id={one.target} />
            ) : (
              <>
                <ServiceLink id={one.source} /> → <ServiceLink id={one.target} />
              </>
            )}{' '}
            {one.text}
          </li>
        ))}
      </ul>
      {value && value.events.length > 0 && (
        <>
          <h3>Events meanwhile</h3>
          <ul class="changes">
            {value.events.map((one) => (
              <li key={`${one.at} ${one.object} ${one.text}`}>
                <span class="dim">{clockTime(one.at)}</span> <b>{one.object}</b> {one.text}
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  )
}

const COLUMNS: readonly Column<GraphNode>[] = [
  { key: 'name', head: 'Service', cell: ({ id }) => <ServiceLink id={id} />, order: ({ id }) => id },
  {
    key: 'health',
    head: 'Health',
    cell: ({ health, reasons }) => (
      <span title={reasons.join(' ')}>
        <HealthTag health={health} />
      </span>
    ),
    order: ({ health, id }) => `${HEALTH_ORDER[health]} ${id}`,
  },
  {
    key: 'rate',
    head: 'Requests/s',
    number: true,
    cell: ({ traffic }) => rate(traffic.rate),
    order: ({ traffic }) => traffic.rate,
  },
  {
    key: 'success',
    head: 'Success',
    number: true,
    cell: ({ traffic }) => <Success share={traffic.successRate} />,
    order: ({ traffic }) => traffic.successRate ?? 2,
  },
  {
    key: 'p50',
    head: 'p50',
    number: true,
    cell: ({ traffic }) => milliseconds(traffic.p50Ms),
    order: ({ traffic }) => traffic.p50Ms ?? -1,
  },
  {
    key: 'p95',
    head: 'p95',
    number: true,
    cell: ({ traffic }) => milliseconds(traffic.p95Ms),
    order: ({ traffic }) => traffic.p95Ms ?? -1,
  },
  {
    key: 'p99',
    head: 'p99',
    number: true,
    cell: ({ traffic }) => milliseconds(traffic.p99Ms),
    order: ({ traffic }) => traffic.p99Ms ?? -1,
  },
  {
    key: 'tls',
    head: 'Mutual TLS',
    number: true,
    cell: ({ traffic }) => <Transport traffic={traffic} />,
    order: ({ traffic }) => (traffic.rate === 0 ? 2 : traffic.transport.mutualTls),
  },
  {
    key: 'policy',
    head: 'Policy',
    cell: ({ policy }) => <PolicyWord policy={policy} />,
    order: ({ policy }) => policy,
  },
  {
    key: 'endpoints',
    head: 'Endpoints',
    number: true,
    cell: (node) => (
      <span title={endpointWords(node)}>
        {node.endpoints.ready === node.endpoints.total
          ? node.endpoints.total
          : `${node.endpoints.ready}/${node.endpoints.total}`}
      </span>
    ),
    order: ({ endpoints }) => endpoints.ready,
  },
]

function Services({ nodes }: { nodes: readonly GraphNode[] }) {
  const rows = useMemo(() => nodes.filter(({ kind }) => kind !== 'outside'), [nodes])
  const sort = address.value.params['sort'] ?? 'health'
  return (
    <Panel title="Services" hint={`${plural(rows.length, 'service')}; the same as the map`}>
      <VirtualTable
        caption="Services with their figures"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ id }) => id}
        rowClass={({ health }) => health}
        empty="No service is known yet."
        sort={sort}
        onSort={(next) => setParams({ sort: next }, true)}
      />
    </Panel>
  )
}
