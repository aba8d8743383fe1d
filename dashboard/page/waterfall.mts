import type { Span, Trace } from './api.mts'
import { h, type Node } from './dom.mts'
import { clockTime, milliseconds, plural } from './format.mts'
import { spanTree, type SpanNode } from './span-tree.mts'
import { statusBadge } from './traces.mts'

const TICKS = 4
const HUES = 6
const DEEPEST_INDENT = 12

/** `open`: spans whose attributes are shown, by `spanKey`. */
export function tracePanel(trace: Trace, open: ReadonlySet<string>, onToggle: (key: string) => void): Node {
  const nodes = spanTree(trace.spans)
  const hues = new Map([...new Set(nodes.map(({ span }) => span.service))].map((name, i) => [name, i % HUES]))
  const total = Math.max(trace.durationMs, 1e-3)
  return h(
    'section',
    { class: 'panel trace', 'aria-labelledby': 'trace-title' },
    h('p', { class: 'back' }, h('a', { href: '#/' }, '← All of the mesh')),
    h(
      'div',
      { class: 'panel-head' },
      h(
        'h2',
        { id: 'trace-title', class: 'mono' },
        trace.path === '' ? trace.name : `${trace.method} ${trace.path}`,
      ),
      statusBadge(trace.status, trace.failed),
    ),
    h('dl', { class: 'facts' }, facts(trace)),
    h(
      'div',
      { class: 'waterfall' },
      axis(total),
      nodes.map((node) =>
        spanRow(node, trace.startMs, total, hues.get(node.span.service) ?? 0, open, onToggle),
      ),
    ),
    h('p', { class: 'hint' }, 'Choose a span to see its attributes.'),
  )
}

export function missingTracePanel(id: string): Node {
  return h(
    'section',
    { class: 'panel' },
    h('p', { class: 'back' }, h('a', { href: '#/' }, '← All of the mesh')),
    h('h2', {}, 'No such trace'),
    h(
      'p',
      { class: 'empty' },
      h('code', {}, id),
      ' is not kept: it was not sampled, or newer ones took its place.',
    ),
  )
}

export function spanKey({ spanId, kind }: Span): string {
  return `${spanId}/${kind}`
}

function facts(trace: Trace): Node[] {
  const list: [string, string][] = [
    ['Began', clockTime(trace.startMs)],
    ['Took', milliseconds(trace.durationMs)],
    ['Spans', String(trace.spanCount)],
    ['Services', String(trace.services.length)],
    ['Retries', String(trace.retries)],
    ['Errors', String(trace.errors)],
    ['Trace', trace.traceId],
  ]
  return list.map(([name, value]) =>
    h('div', {}, h('dt', {}, name), h('dd', { class: name === 'Trace' ? 'mono' : '' }, value)),
  )
}

function axis(total: number): Node {
  const ticks = Array.from({ length: TICKS + 1 }, (_, i) =>
    h(
      'span',
      { class: 'tick', vars: { '--at': `${(i / TICKS) * 100}%` } },
      milliseconds((total * i) / TICKS),
    ),
  )
  return h('div', { class: 'axis', 'aria-hidden': 'true' }, h('span', {}), h('div', { class: 'lane' }, ticks))
}

function spanRow(
  { span, depth, orphan }: SpanNode,
  startMs: number,
  total: number,
  hue: number,
  open: ReadonlySet<string>,
  onToggle: (key: string) => void,
): Node {
  const key = spanKey(span)
  const from = Math.min(Math.max(((span.startMs - startMs) / total) * 100, 0), 100)
  const width = Math.min((span.durationMs / total) * 100, 100 - from)
  const attribute = (name: string): string => String(span.attributes[name] ?? '')
  const status = span.attributes['http.response.status_code']
  const resends = Number(span.attributes['http.request.resend_count'] ?? 0)
  const flags = attribute('weft.response_flags')
  const shown = open.has(key)
  return h(
    'div',
    { class: 'span', key },
    h(
      'button',
      {
        type: 'button',
        class: `span-row hue${hue}`,
        'aria-expanded': String(shown),
        onclick: () => onToggle(key),
      },
      h(
        'span',
        { class: 'label', vars: { '--depth': String(Math.min(depth, DEEPEST_INDENT)) } },
        h('span', { class: 'name' }, span.service),
        h('span', { class: `kind ${span.kind}` }, span.kind),
        typeof status === 'number' && statusBadge(status, span.status === 'error'),
        resends > 0 && h('span', { class: 'tag warn' }, plural(resends, 'retry', 'retries')),
        flags !== '' && flags !== '-' && h('span', { class: 'tag bad' }, flags),
        orphan &&
          depth === 0 &&
          h(
            'span',
            { class: 'dim small', title: 'Its caller is outside of the mesh, or was not kept.' },
            '↥',
          ),
      ),
      h(
        'span',
        { class: 'lane' },
        h('i', {
          class: `span-bar ${span.kind}${span.status === 'error' ? ' failed' : ''}`,
          vars: { '--from': `${from}%`, '--width': `${width}%` },
        }),
        h(
          'span',
          {
            class: from + width > 82 ? 'took inside' : 'took',
            vars: { '--at': `${from + width > 82 ? from : from + width}%` },
          },
          milliseconds(span.durationMs),
        ),
      ),
    ),
    shown && details(span),
  )
}

function details(span: Span): Node {
  const rows: [string, string][] = [
    ['span', span.name],
    ['pod', span.pod],
    ['namespace', span.namespace],
    ...Object.entries(span.attributes)
      .map(([key, value]): [string, string] => [key, String(value)])
      .filter(([, value]) => value !== '')
      .sort(([a], [b]) => (a < b ? -1 : 1)),
    ['span id', span.spanId],
    ['parent span id', span.parentSpanId || 'none'],
  ]
  return h(
    'dl',
    { class: 'attributes' },
    rows.map(([name, value]) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, value))),
  )
}
