import { useState } from 'preact/hooks'
import { address, linkTo, namespace, range, setParams } from '../address/navigate.ts'
import type { Range, View } from '../address/address.ts'
import { connection, liveGraph, meshFacts } from '../ask/live-mesh.ts'
import { dateTime, plural } from '../words/format.ts'
import { formText } from './form-text.ts'
import { nextTheme, theme } from './theme.ts'

const TABS: readonly (readonly [View, string, readonly View[]])[] = [
  ['map', 'Map', ['map', 'service']],
  ['traces', 'Traces', ['traces', 'trace', 'compare']],
  ['canaries', 'Canaries', ['canaries']],
  ['mesh', 'Mesh', ['mesh']],
  ['policy', 'Policy', ['policy']],
  ['live', 'Live', ['live']],
]

const LASTS: readonly (readonly [string, string])[] = [
  ['', 'Live'],
  ['300', 'Last 5 min'],
  ['900', 'Last 15 min'],
  ['3600', 'Last hour'],
  ['21600', 'Last 6 h'],
  ['86400', 'Last 24 h'],
]

export function Head() {
  const { view } = address.value
  return (
    <header class="top">
      <a class="brand" href={linkTo('map')}>
        <img src="/weft.svg" alt="" width="22" height="22" />
        Weft
      </a>
      <nav aria-label="Views">
        {TABS.map(([name, title, of]) => (
          <a key={name} href={linkTo(name)} aria-current={of.includes(view) ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <div class="controls">
        <NamespaceFilter />
        <RangePicker />
        <button
          type="button"
          class="quiet"
          title="Colours: as the system says, light, dark"
          aria-label={`Colours: ${theme.value}`}
          onClick={nextTheme}
        >
          {{ system: '◐', light: '☀', dark: '☾' }[theme.value]}
        </button>
        <State />
      </div>
    </header>
  )
}

function NamespaceFilter() {
  const known = [...new Set((liveGraph.value?.nodes ?? []).map((node) => node.namespace))]
    .filter((name) => name !== '')
    .sort()
  const current = namespace.value
  if (current !== '' && !known.includes(current)) known.unshift(current)
  return (
    <label class="control">
      <span class="unseen">Namespace</span>
      <select value={current} onChange={(event) => setParams({ ns: event.currentTarget.value })}>
        <option value="">All namespaces</option>
        {known.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}

function RangePicker() {
  const now = range.value
  const [choosing, setChoosing] = useState(false)
  const word = now.kind === 'live' ? '' : now.kind === 'last' ? String(now.seconds) : 'fixed'
  const known = LASTS.some(([value]) => value === word)
  return (
    <>
      <label class="control">
        <span class="unseen">Range of time</span>
        <select
          value={choosing ? 'choose' : word}
          onChange={(event) => {
            const { value } = event.currentTarget
            setChoosing(value === 'choose')
            if (value !== 'choose' && value !== 'fixed') setParams({ last: value, from: '', to: '', at: '' })
          }}
        >
          {LASTS.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
          {!known && <option value={word}>{rangeWords(now)}</option>}
          <option value="choose">From … to …</option>
        </select>
      </label>
      {choosing && <FixedRange range={now} onDone={() => setChoosing(false)} />}
    </>
  )
}

export function rangeWords(range: Range): string {
  if (range.kind === 'live') return 'now'
  if (range.kind === 'last')
    return (
      LASTS.find(([value]) => value === String(range.seconds))?.[1]?.toLowerCase() ??
      `last ${range.seconds} s`
    )
  return `${dateTime(range.from)} to ${dateTime(range.to)}`
}

function FixedRange({ range, onDone }: { range: Range; onDone: () => void }) {
  const to = range.kind === 'fixed' ? range.to : Date.now()
  const from = range.kind === 'fixed' ? range.from : to - 3_600_000
  return (
    <form
      class="fixed-range"
      onSubmit={(event) => {
        event.preventDefault()
        const form = event.currentTarget
        const [start, end] = ['from', 'to'].map((name) => Date.parse(formText(form, name)))
        if (start === undefined || end === undefined || !(end > start)) return
        setParams({ last: '', at: '', from: String(start), to: String(end) })
        onDone()
      }}
    >
      <label>
        From <input type="datetime-local" name="from" step="1" required value={local(from)} />
      </label>
      <label>
        to <input type="datetime-local" name="to" step="1" required value={local(to)} />
      </label>
      <button type="submit">Show</button>
    </form>
  )
}

/** As an input of local time takes it. */
function local(ms: number): string {
  return dateTime(ms).replace(' ', 'T')
}

function State() {
  const { state } = connection.value
  const facts = meshFacts.value
  const words = { connecting: 'connecting', live: 'live', polling: 'every 2 s', away: 'no answer' }[state]
  const title =
    facts &&
    `Weft ${facts.release}, ${plural(facts.proxies.connected, 'proxy', 'proxies')} of ${facts.proxies.expected} connected`
  return (
    <span class={`pill ${state}`} role="status" title={title}>
      {words}
    </span>
  )
}
