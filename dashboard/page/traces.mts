import type { TraceSummary } from './api.mts'
import { h, type Node } from './dom.mts'
import { clockTime, milliseconds, plural } from './format.mts'

export interface TraceFilter {
  readonly service: string
  readonly failedOnly: boolean
}

export interface TracesPanelOptions {
  readonly traces: readonly TraceSummary[]
  readonly filter: TraceFilter
  /** Names to choose from. */
  readonly services: readonly string[]
  readonly onFilter: (filter: TraceFilter) => void
}

export function tracesPanel({ traces, filter, services, onFilter }: TracesPanelOptions): Node {
  const longest = Math.max(...traces.map(({ durationMs }) => durationMs), 1e-3)
  return h(
    'section',
    { class: 'panel', 'aria-labelledby': 'traces-title' },
    h(
      'div',
      { class: 'panel-head' },
      h('h2', { id: 'traces-title' }, 'Recent traces'),
      h(
        'label',
        { class: 'filter' },
        'Service ',
        h(
          'select',
          {
            value: filter.service,
            onchange: (event: Event) =>
              onFilter({ ...filter, service: (event.currentTarget as HTMLSelectElement).value }),
          },
          h('option', { value: '' }, 'all'),
          services.map((name) => h('option', { value: name, key: name }, name)),
        ),
      ),
      h(
        'label',
        { class: 'filter' },
        h('input', {
          type: 'checkbox',
          checked: filter.failedOnly,
          onchange: (event: Event) =>
            onFilter({ ...filter, failedOnly: (event.currentTarget as HTMLInputElement).checked }),
        }),
        ' with errors only',
      ),
    ),
    traces.length === 0
      ? h('p', { class: 'empty' }, emptyText(filter))
      : h(
          'div',
          { class: 'scroll' },
          h(
            'table',
            { class: 'traces' },
            head(),
            h(
              'tbody',
              {},
              traces.map((trace) => row(trace, longest)),
            ),
          ),
        ),
  )
}

function emptyText({ service, failedOnly }: TraceFilter): string {
  if (service !== '' || failedOnly) return 'No kept trace fits this filter.'
  return 'No trace yet. Sidecars sample a share of requests (1 % by default); a request with a sampled traceparent is always kept.'
}

function head(): Node {
  const texts: [string, string][] = [
    ['Began', ''],
    ['Request', ''],
    ['Status', 'number'],
    ['Duration', 'number'],
    ['', 'duration-bar'],
    ['Path through the mesh', ''],
    ['Spans', 'number'],
    ['Notes', ''],
  ]
  return h(
    'thead',
    {},
    h(
      'tr',
      {},
      texts.map(([text, name]) => h('th', { scope: 'col', class: name }, text)),
    ),
  )
}

function row(trace: TraceSummary, longest: number): Node {
  const { errors, retries } = trace
  const request = trace.path === '' ? trace.name : `${trace.method} ${trace.path}`
  return h(
    'tr',
    { key: trace.traceId },
    h('td', { class: 'mono dim' }, clockTime(trace.startMs)),
    h(
      'th',
      { scope: 'row' },
      h(
        'a',
        { class: 'mono clip', href: `#/trace/${encodeURIComponent(trace.traceId)}`, title: request },
        request,
      ),
    ),
    h('td', { class: 'number' }, statusBadge(trace.status, trace.failed)),
    h('td', { class: 'number' }, milliseconds(trace.durationMs)),
    h(
      'td',
      { class: 'duration-bar' },
      h('i', { class: 'bar duration', vars: { '--share': `${(trace.durationMs / longest) * 100}%` } }),
    ),
    h(
      'td',
      { class: 'hops' },
      trace.services.map((name) => h('span', { class: 'hop' }, name.slice(0, name.lastIndexOf('.')))),
    ),
    h('td', { class: 'number dim' }, String(trace.spanCount)),
    h(
      'td',
      {},
      retries > 0 && h('span', { class: 'tag warn' }, plural(retries, 'retry', 'retries')),
      errors > 0 && h('span', { class: 'tag bad' }, plural(errors, 'error')),
    ),
  )
}

export function statusBadge(status: number | undefined, failed: boolean): Node {
  if (status === undefined) return h('span', { class: 'dim' }, '–')
  const name = failed || status === 0 || status >= 500 ? 'bad' : status >= 400 ? 'poor' : 'good'
  return h('span', { class: `status ${name}` }, status === 0 ? 'gone' : String(status))
}
