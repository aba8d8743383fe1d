import { useEffect, useRef, useState } from 'preact/hooks'
import type { TappedRequest, TapSkipped, TapSource } from '../../../core/api/tap.ts'
import { address, namespace, setParams } from '../address/navigate.ts'
import { token } from '../ask/ask.ts'
import { may } from '../ask/live-mesh.ts'
import { readEvents } from '../ask/event-stream.ts'
import { formText } from '../parts/form-text.ts'
import { Panel } from '../parts/pieces.tsx'
import { plural } from '../words/format.ts'
import { Requests, type Row } from './requests.tsx'
import { emptyRing, RING_SIZE, taken, type Ring } from './ring.ts'

const FIELDS = [
  ...(['workload', 'service', 'route', 'direction', 'method', 'path'] as const),
  ...(['status', 'flag', 'min', 'headers'] as const),
]
/** Rows come together so often, however fast requests do. */
const SHOW_MS = 250

type TapState = 'off' | 'opening' | 'on' | 'ended'

/** Requests as they happen. It begins when somebody asks for it: a tap costs the sidecars something. */
export function TapView() {
  const { params } = address.value
  const own = namespace.value
  const [on, setOn] = useState(false)
  const [state, setState] = useState<TapState>('off')
  const [trouble, setTrouble] = useState('')
  const [source, setSource] = useState<TapSource>()
  const [skipped, setSkipped] = useState(0)
  const [paused, setPaused] = useState(false)
  const [ring, setRing] = useState<Ring<Row>>(emptyRing)
  /** Somebody looks at a row, or has asked that nothing comes. */
  const looking = useRef(false)
  const stopped = useRef(false)
  const holds = (): boolean => looking.current || stopped.current
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
    setSource(undefined)
    setSkipped(0)
    void readEvents(
      `/api/tap?${query}`,
      (name, data) => {
        if (name === 'source') setSource(JSON.parse(data) as TapSource)
        if (name === 'skipped') setSkipped((before) => before + (JSON.parse(data) as TapSkipped).requests)
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
      if (waiting.length > 0) setRing((before) => taken(before, waiting.splice(0), holds()))
    }, SHOW_MS)
    return () => {
      stop.abort()
      clearInterval(timer)
    }
  }, [on, query, by])
  const letGo = (): void => {
    if (!holds()) setRing((before) => taken(before, [], false))
  }
  const look = (value: boolean) => (): void => {
    looking.current = value
    letGo()
  }
  const pause = (value: boolean): void => {
    stopped.current = value
    setPaused(value)
    letGo()
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
          Workload <input name="workload" defaultValue={params['workload'] ?? ''} placeholder="web" />
        </label>
        <label>
          Service <input name="service" defaultValue={params['service'] ?? ''} placeholder="catalog.shop" />
        </label>
        <label>
          Route{' '}
          <input name="route" defaultValue={params['route'] ?? ''} placeholder="HTTPRoute/shop/catalog" />
        </label>
        <label class="short">
          Told by{' '}
          <select name="direction">
            {[
              ['', 'both ends'],
              ['outbound', 'callers'],
              ['inbound', 'servers'],
            ].map(([value = '', words = '']) => (
              <option key={value} value={value} selected={(params['direction'] ?? '') === value}>
                {words}
              </option>
            ))}
          </select>
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
        <label class="short">
          Took ms{' '}
          <input name="min" inputMode="decimal" defaultValue={params['min'] ?? ''} placeholder="250" />
        </label>
        {may.value.headers === true && (
          <label class="short">
            <input
              type="checkbox"
              name="headers"
              value="true"
              defaultChecked={params['headers'] === 'true'}
            />{' '}
            Header fields
          </label>
        )}
        <button type="submit" class="primary">
          {on ? 'Filter' : 'Begin'}
        </button>
        {on && (
          <button type="button" aria-pressed={paused} onClick={() => pause(!paused)}>
            Pause
          </button>
        )}
        {on && (
          <button
            type="button"
            onClick={() => {
              pause(false)
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
      {source && on && <Sources source={source} />}
      <Panel
        title="Requests"
        hint={{ off: 'not begun', opening: 'opening…', on: `the newest ${RING_SIZE}`, ended: 'ended' }[state]}
      >
        <p class="new-rows" role="status">
          {ring.held.length > 0 &&
            `${plural(ring.held.length, 'request')} wait while ${paused ? 'this is paused' : 'you are at a row'}`}
        </p>
        {skipped > 0 && (
          <p class="hint">{`${skipped.toLocaleString('en-US')} not shown: more came than are shown in a second`}</p>
        )}
        <div
          onPointerEnter={look(true)}
          onPointerLeave={look(false)}
          onFocusIn={look(true)}
          onFocusOut={look(false)}
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

/** Who does not tell of all requests. One of a release before says only that it knows sampled traces. */
function Sources({ source }: { source: Partial<TapSource> }) {
  const { sampled, live = 0, others = [], otherCount = 0, coverage } = source
  const missing = coverage?.missing ?? []
  if (sampled && otherCount === 0)
    return <p class="hint">These are the requests whose traces were sampled, and not all of them.</p>
  return (
    <>
      {live > 0 && <p class="hint">{`${plural(live, 'sidecar')} tell of every request.`}</p>}
      {live === 0 && otherCount === 0 && <p class="hint">There is no sidecar that could tell.</p>}
      {otherCount > 0 && (
        <details>
          <summary>{`Of ${plural(otherCount, 'other sidecar')} only requests whose traces were sampled are here`}</summary>
          <ul>
            {others.map(({ pod, reason }) => (
              <li key={pod}>
                <bdi>{pod}</bdi> <bdi>{reason}</bdi>
              </li>
            ))}
          </ul>
        </details>
      )}
      {missing.map(({ replica, reason }) => (
        <p key={replica} class="banner warn">
          The sidecars of control plane <bdi>{replica}</bdi> are not heard: <bdi>{reason}</bdi>
        </p>
      ))}
    </>
  )
}
