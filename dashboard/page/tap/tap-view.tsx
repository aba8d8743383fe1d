import { useEffect, useRef, useState } from 'preact/hooks'
import type { TappedRequest } from '../../../core/api/tap.ts'
import { address, linkTo, namespace, setParams } from '../address/navigate.ts'
import { token } from '../ask/ask.ts'
import { readEvents } from '../ask/event-stream.ts'
import { formText } from '../parts/form-text.ts'
import { Panel } from '../parts/pieces.tsx'
import { StatusBadge } from '../traces/status-badge.tsx'
import { clockTime, milliseconds, plural } from '../words/format.ts'
import { emptyRing, RING_SIZE, taken, type Ring } from './ring.ts'

const FIELDS = ['service', 'method', 'path', 'status', 'flag'] as const
/** Rows come together so often, however fast requests do. */
const SHOW_MS = 250

type Row = TappedRequest & { readonly key: number }
type TapState = 'off' | 'opening' | 'on' | 'ended'

/** Requests as they happen. It begins when somebody asks for it: a tap costs the sidecars something. */
export function TapView() {
  const { params } = address.value
  const own = namespace.value
  const [on, setOn] = useState(false)
  const [state, setState] = useState<TapState>('off')
  const [trouble, setTrouble] = useState('')
  const [sampled, setSampled] = useState(false)
  const [ring, setRing] = useState<Ring<Row>>(emptyRing)
  const holding = useRef(false)
  const query = new URLSearchParams(
    [['namespace', own], ...FIELDS.map((field) => [field, params[field] ?? ''])].filter(
      ([, value]) => value !== '',
    ) as [string, string][],
  ).toString()
  const by = token.value

  useEffect(() => {
    if (!on) return undefined
    const stop = new AbortController()
    const waiting: Row[] = []
    let count = 0
    setState('opening')
    setTrouble('')
    setRing(emptyRing())
    void readEvents(
      `/api/tap?${query}`,
      (name, data) => {
        if (name === 'source') setSampled((JSON.parse(data) as { sampled?: unknown }).sampled === true)
        if (name !== 'request') return
        // Of what comes faster than it can be shown, the newest are.
        if (waiting.length >= RING_SIZE) waiting.shift()
        waiting.push({ ...(JSON.parse(data) as TappedRequest), key: count++ })
      },
      stop.signal,
      () => setState('on'),
    ).then((end) => {
      if (stop.signal.aborted) return
      setState('ended')
      setTrouble(
        end.kind === 'missing'
          ? `This control plane does not tap: ${end.message}.`
          : end.kind === 'refused' && end.status === 403
            ? `You may not tap${own === '' ? '' : ` ${own}`}: ${end.message}.`
            : end.message,
      )
      setOn(false)
    })
    const timer = setInterval(() => {
      if (waiting.length > 0) setRing((before) => taken(before, waiting.splice(0), holding.current))
    }, SHOW_MS)
    return () => {
      stop.abort()
      clearInterval(timer)
    }
  }, [on, query, by])
  const hold = (value: boolean) => (): void => {
    holding.current = value
    if (!value) setRing((before) => taken(before, [], false))
  }
  return (
    <>
      <h1>Live</h1>
      <form
        class="search"
        aria-label="Filter of the tap"
        onSubmit={(event) => {
          event.preventDefault()
          const form = event.currentTarget
          setParams(Object.fromEntries(FIELDS.map((field) => [field, formText(form, field)])))
          setOn(true)
        }}
      >
        <label>
          Service <input name="service" defaultValue={params['service'] ?? ''} placeholder="catalog.shop" />
        </label>
        <label class="short">
          Method <input name="method" defaultValue={params['method'] ?? ''} placeholder="GET" />
        </label>
        <label>
          Path begins with <input name="path" defaultValue={params['path'] ?? ''} placeholder="/items" />
        </label>
        <label class="short">
          Status <input name="status" defaultValue={params['status'] ?? ''} placeholder="5xx" />
        </label>
        <label class="short">
          Flag <input name="flag" defaultValue={params['flag'] ?? ''} placeholder="UF" />
        </label>
        <button type="submit" class="primary">
          {on ? 'Filter' : 'Begin'}
        </button>
        {on && (
          <button
            type="button"
            onClick={() => {
              setOn(false)
              setState('off')
            }}
          >
            Stop
          </button>
        )}
      </form>
      {trouble !== '' && (
        <p class="banner warn" role="status">
          {trouble}
        </p>
      )}
      {sampled && on && (
        <p class="hint">These are the requests whose traces were sampled, and not all of them.</p>
      )}
      <Panel
        title="Requests"
        hint={{ off: 'not begun', opening: 'opening…', on: `the newest ${RING_SIZE}`, ended: 'ended' }[state]}
      >
        <p class="new-rows" role="status">
          {ring.held.length > 0 && `${plural(ring.held.length, 'request')} wait while you are at a row`}
        </p>
        <div
          onPointerEnter={hold(true)}
          onPointerLeave={hold(false)}
          onFocusIn={hold(true)}
          onFocusOut={hold(false)}
        >
          {ring.shown.length === 0 ? (
            <p class="empty">
              {state === 'on'
                ? 'No request that fits has come yet.'
                : 'Begin to see requests as they happen. The paths come without their queries; namespaces with weft.dev/tap: "off" are left out.'}
            </p>
          ) : (
            <Requests rows={ring.shown} />
          )}
        </div>
      </Panel>
    </>
  )
}

function Requests({ rows }: { rows: readonly Row[] }) {
  return (
    <div class="scroll">
      <table class="data tap">
        <caption class="unseen">Requests as they happened, the newest first</caption>
        <thead>
          <tr>
            {['When', 'Who', 'Whom', 'Request', 'Status', 'Took', 'Trace'].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key} class={row.status >= 500 || row.status === 0 ? 'failing' : ''}>
              <td data-label="When">{clockTime(row.at)}</td>
              <td data-label="Who">
                <bdi>{row.source === '' ? 'outside' : row.source}</bdi>
              </td>
              <td data-label="Whom">
                <bdi>{row.destination}</bdi>
              </td>
              <td data-label="Request">
                <bdi class="mono">{`${row.method} ${row.path}`}</bdi>
                {row.headers && (
                  <details>
                    <summary>headers</summary>
                    <dl class="attributes">
                      {Object.entries(row.headers).map(([name, value]) => (
                        <div key={name}>
                          <dt>{name}</dt>
                          <dd>
                            <bdi>{value}</bdi>
                          </dd>
                        </div>
                      ))}
                    </dl>
                  </details>
                )}
              </td>
              <td data-label="Status">
                <StatusBadge status={row.status} failed={row.status >= 500 || row.status === 0} />
                {row.grpcStatus !== null && row.grpcStatus !== 0 && (
                  <span class="tag bad">gRPC {row.grpcStatus}</span>
                )}
                {row.flags !== '' && row.flags !== '-' && <span class="tag bad">{row.flags}</span>}
              </td>
              <td class="number" data-label="Took">
                {milliseconds(row.durationMs)}
              </td>
              <td data-label="Trace">
                {row.traceId === '' ? (
                  <span class="dim">–</span>
                ) : (
                  <a href={linkTo('trace', [row.traceId])}>open</a>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
