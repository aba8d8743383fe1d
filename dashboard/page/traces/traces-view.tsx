import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { TraceRow, TraceSearch } from '../../../core/api/traces.ts'
import { rangeQuery } from '../address/address.ts'
import { address, go, linkTo, range, setParams } from '../address/navigate.ts'
import { liveGraph } from '../ask/live-mesh.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { Chart } from '../parts/chart.tsx'
import { formText } from '../parts/form-text.ts'
import { CoverageNote, Panel, Waiting } from '../parts/pieces.tsx'
import { VirtualTable, type Column } from '../parts/virtual-table.tsx'
import { clockTime, dateTime, milliseconds, plural } from '../words/format.ts'
import { hold } from './held-rows.ts'
import { searchQuery } from './search.ts'
import { StatusBadge, traceTitle } from './status-badge.tsx'

const POLL_MS = 3000
const LIVE_SECONDS = 900
const ID = /^[0-9a-f]{32}$/

export function TracesView() {
  const { params } = address.value
  const query = `${searchQuery(params)}&${rangeQuery(range.value, LIVE_SECONDS)}`
  const answer = useAnswer<TraceSearch>(`/api/traces?${query}`, range.value.kind === 'fixed' ? 0 : POLL_MS)
  const shown = useRef<{ query: string; rows: readonly TraceRow[] }>({ query: '', rows: [] })
  const [, redraw] = useState(0)
  if (shown.current.query !== query) shown.current = { query, rows: [] }
  const held = hold(shown.current.rows, answer.value?.traces ?? [])
  shown.current = { query, rows: held.rows }
  const showNew = (): void => {
    shown.current = { query, rows: [] }
    redraw((count) => count + 1)
  }
  return (
    <>
      <h1>Traces</h1>
      <CoverageNote coverage={answer.value?.coverage} />
      <SearchForm params={params} />
      {answer.value ? (
        <>
          <Scatter rows={held.rows} answer={answer.value} />
          <Panel
            title="Requests"
            hint={
              <>
                {plural(held.rows.length, 'trace')}
                {answer.value.more && ' and more that fit'}, the newest first
              </>
            }
          >
            <p class="new-rows" role="status">
              {held.waiting > 0 && (
                <button type="button" class="primary" onClick={showNew}>
                  {held.waiting} new: show
                </button>
              )}
            </p>
            <Rows rows={held.rows} />
          </Panel>
        </>
      ) : (
        <Waiting answer={answer} what="traces" />
      )}
    </>
  )
}

function SearchForm({ params }: { params: Readonly<Record<string, string>> }) {
  const services = useMemo(
    () =>
      (liveGraph.value?.nodes ?? [])
        .map(({ id }) => id)
        .filter((id) => id !== '')
        .sort(),
    [liveGraph.value],
  )
  const form = useRef<HTMLFormElement>(null)
  // Fields follow the address, also by the browser's buttons.
  useEffect(() => {
    for (const element of form.current?.elements ?? [])
      if (element instanceof HTMLInputElement && element.name !== '') {
        if (element.type === 'checkbox') element.checked = params[element.name] === 'true'
        else element.value = params[element.name] ?? ''
      }
  }, [params])
  const submit = (event: Event): void => {
    event.preventDefault()
    const { current } = form
    if (!current) return
    const text = (name: string): string => formText(current, name)
    const id = text('id').toLowerCase()
    if (ID.test(id)) return go('trace', [id])
    setParams({
      ...Object.fromEntries(
        ['service', 'route', 'status', 'flag', 'identity', 'method', 'path', 'min', 'max'].map((name) => [
          name,
          text(name),
        ]),
      ),
      failed: text('failed') === 'on' ? 'true' : '',
    })
  }
  const more = ['route', 'flag', 'identity', 'method', 'path', 'min', 'max'].some(
    (name) => (params[name] ?? '') !== '',
  )
  return (
    <form class="search" ref={form} onSubmit={submit} role="search" aria-label="Search traces">
      <label>
        Service <input name="service" list="services" autocomplete="off" placeholder="catalog.shop" />
      </label>
      <datalist id="services">
        {services.map((id) => (
          <option key={id} value={id} />
        ))}
      </datalist>
      <label class="short">
        Status{' '}
        <input name="status" placeholder="503 or 5xx" pattern="[1-5]([0-9]{2}|xx)" title="503 or 5xx" />
      </label>
      <label class="check">
        <input type="checkbox" name="failed" onChange={submit} /> failed only
      </label>
      <label class="long">
        Trace id{' '}
        <input
          name="id"
          autocomplete="off"
          placeholder="32 hexadecimal digits"
          pattern="\s*[0-9a-fA-F]{32}\s*"
          title="32 hexadecimal digits"
        />
      </label>
      <button type="submit" class="primary">
        Search
      </button>
      <details open={more}>
        <summary>More</summary>
        <div class="search-more">
          <label>
            Route <input name="route" placeholder="HTTPRoute/shop/catalog/0" />
          </label>
          <label class="short">
            Flag <input name="flag" placeholder="UF" />
          </label>
          <label>
            Identity <input name="identity" placeholder="spiffe://…" />
          </label>
          <label class="short">
            Method <input name="method" placeholder="GET" />
          </label>
          <label>
            Path begins with <input name="path" placeholder="/items" />
          </label>
          <label class="short">
            At least, ms <input name="min" inputmode="decimal" pattern="[0-9.]+" title="milliseconds" />
          </label>
          <label class="short">
            At most, ms <input name="max" inputmode="decimal" pattern="[0-9.]+" title="milliseconds" />
          </label>
        </div>
      </details>
    </form>
  )
}

function Scatter({ rows, answer }: { rows: readonly TraceRow[]; answer: TraceSearch }) {
  const chart = useMemo(() => {
    const sorted = rows.toSorted((a, b) => a.startMs - b.startMs)
    const times = sorted.map(({ startMs }) => startMs)
    // By powers of ten: what takes microseconds is seen beside what takes seconds.
    const height = ({ durationMs }: TraceRow): number => Math.log10(Math.max(durationMs, 0.01))
    const heights = sorted.map(height)
    const line = (failed: boolean): (number | null)[] =>
      sorted.map((row) => (row.failed === failed ? height(row) : null))
    return {
      times,
      bounds: [Math.floor(Math.min(...heights)), Math.ceil(Math.max(...heights) + 0.01)] as const,
      lines: [
        { label: 'went well', values: line(false), color: 'accent', dots: true },
        { label: 'failed', values: line(true), color: 'bad', dots: true },
      ],
      dots: sorted.map((row) => ({
        at: row.startMs,
        value: height(row),
        color: row.failed ? 'bad' : 'accent',
        id: row.traceId,
        title: `${traceTitle(row)}, ${milliseconds(row.durationMs)}`,
      })),
    }
  }, [rows])
  if (rows.length === 0) return null
  return (
    <Panel title="Durations" hint="each dot is a trace; choose one to open it">
      <Chart
        title="Duration by start"
        {...chart}
        format={(power) => milliseconds(power === null ? null : 10 ** power)}
        height={170}
        range={[Math.min(answer.from, chart.times[0] ?? answer.from), answer.to]}
        onDot={(id) => go('trace', [id])}
      />
    </Panel>
  )
}

function columns(compared: string): readonly Column<TraceRow>[] {
  return [
    {
      key: 'request',
      head: 'Request',
      cell: (row) => (
        <a class="name" href={linkTo('trace', [row.traceId])}>
          <bdi>{traceTitle(row)}</bdi>
        </a>
      ),
    },
    {
      key: 'began',
      head: 'Began',
      cell: ({ startMs }) => <time title={dateTime(startMs)}>{clockTime(startMs)}</time>,
    },
    {
      key: 'status',
      head: 'Status',
      cell: ({ status, failed }) => <StatusBadge status={status} failed={failed} />,
    },
    { key: 'took', head: 'Took', number: true, cell: ({ durationMs }) => milliseconds(durationMs) },
    { key: 'by', head: 'From', cell: ({ service, namespace }) => <bdi>{`${service}.${namespace}`}</bdi> },
    {
      key: 'services',
      head: 'Services',
      cell: ({ services }) => (
        <span title={services.join(', ')}>
          <bdi>{services.slice(0, 4).join(', ')}</bdi>
          {services.length > 4 && ` +${services.length - 4}`}
        </span>
      ),
    },
    {
      key: 'notes',
      head: 'Notes',
      cell: ({ retries, flags, whole, spanCount, errors }) => (
        <>
          {!whole && (
            <span
              class="tag"
              title={`${plural(spanCount, 'span')} so far: some are still to come, or were not kept`}
            >
              parts missing
            </span>
          )}
          {retries > 0 && <span class="tag warn">{plural(retries, 'retry', 'retries')}</span>}
          {flags.map((flag) => (
            <span key={flag} class="tag bad">
              {flag}
            </span>
          ))}
          {errors > 0 && <span class="dim">{plural(errors, 'error')}</span>}
        </>
      ),
    },
    {
      key: 'compare',
      head: 'Compare',
      cell: ({ traceId }) =>
        compared === traceId ? (
          <button type="button" class="quiet" onClick={() => setParams({ with: '' }, true)}>
            chosen
          </button>
        ) : compared === '' ? (
          <button type="button" class="quiet" onClick={() => setParams({ with: traceId }, true)}>
            choose
          </button>
        ) : (
          <a href={linkTo('compare', [compared, traceId])}>with chosen</a>
        ),
    },
  ]
}

function Rows({ rows }: { rows: readonly TraceRow[] }) {
  const compared = address.value.params['with'] ?? ''
  return (
    <VirtualTable
      caption="Traces"
      columns={columns(compared)}
      rows={rows}
      rowKey={({ traceId }) => traceId}
      rowClass={({ failed }) => (failed ? 'failing' : '')}
      empty="No kept trace fits. Sidecars sample a part of the requests, and keep what failed or was slow."
    />
  )
}
