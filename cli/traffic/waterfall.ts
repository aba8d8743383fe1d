import type { SpanView, TraceView } from '../../core/api/traces.ts'
import { shown } from '../../core/terminal-text.ts'
import { fittedTable } from '../terminal/fitted-table.ts'
import type { Painter } from '../terminal/painter.ts'
import { durationText } from './figures.ts'

/** Characters of a bar that is as long as the whole trace. */
const BAR = 24
/** Beyond that many the rest is counted. */
const MOST_SPANS = 500

/** The spans of a trace below each other: who, what, and when on a line as long as the trace. */
export function waterfallText(trace: TraceView, paint: Painter, width: number): string {
  const { traceId, startMs, durationMs, method, path, spans, whole } = trace
  const order = inOrder(spans)
  const begin = Math.min(startMs, ...order.map(({ span }) => span.startMs))
  const end = Math.max(startMs + durationMs, ...order.map(({ span }) => span.startMs + span.durationMs))
  const rows = order.slice(0, MOST_SPANS).map(({ span, depth }) => {
    const failed = span.status === 'error'
    return [
      `${'  '.repeat(Math.min(depth, 12))}${span.service}`,
      span.kind,
      span.name,
      failed ? { text: outcomeOf(span), style: 'red' as const } : outcomeOf(span),
      durationText(span.durationMs),
      barOf(span, begin, end),
    ]
  })
  const head = `${traceId}  ${new Date(startMs).toISOString()}  ${shown(`${method} ${path}`)}  ${durationText(durationMs)}\n`
  const columns = [
    { title: 'SERVICE', least: 12 },
    { title: 'KIND' },
    { title: 'NAME', least: 8 },
    { title: 'OUTCOME', least: 6 },
    { title: 'TOOK', right: true },
    { title: '', least: 8 },
  ] as const
  const more = order.length > MOST_SPANS ? `${order.length - MOST_SPANS} more spans\n` : ''
  const part = whole
    ? ''
    : 'Spans of it are missing: they are still to come, were not sampled, or are lost.\n'
  return `${head}${fittedTable(columns, rows, paint, width)}${more}${part}`
}

/** Each below its parent, siblings by their start; whose parent is not there stands by itself. */
function inOrder(spans: readonly SpanView[]): { readonly span: SpanView; readonly depth: number }[] {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const children = Map.groupBy(
    spans.toSorted((a, b) => a.startMs - b.startMs),
    ({ parentSpanId, spanId }) => (parentSpanId !== spanId && ids.has(parentSpanId) ? parentSpanId : ''),
  )
  const order: { span: SpanView; depth: number }[] = []
  const seen = new Set<SpanView>()
  const open = (children.get('') ?? []).toReversed().map((span) => ({ span, depth: 0 }))
  for (let next = open.pop(); next; next = open.pop()) {
    if (seen.has(next.span)) continue
    seen.add(next.span)
    order.push(next)
    const depth = next.depth + 1
    for (const span of (children.get(next.span.spanId) ?? []).toReversed()) open.push({ span, depth })
  }
  // Spans that name each other as parents are below none.
  return [...order, ...spans.filter((span) => !seen.has(span)).map((span) => ({ span, depth: 0 }))]
}

function outcomeOf({ attributes, statusMessage, status }: SpanView): string {
  const code = attributes['http.response.status_code'] ?? attributes['rpc.response.status_code']
  const flags = attributes['weft.response_flags']
  const tries = attributes['http.request.resend_count']
  return [
    code === undefined ? (status === 'error' ? 'error' : '-') : String(code),
    ...(typeof flags === 'string' && flags !== '-' && flags !== '' ? [flags] : []),
    ...(typeof tries === 'number' && tries > 0 ? [`${tries + 1} tries`] : []),
    ...(attributes['weft.try'] === undefined ? [] : [String(attributes['weft.try'])]),
    ...(statusMessage === '' ? [] : [statusMessage]),
  ].join(' ')
}

function barOf({ startMs, durationMs }: SpanView, begin: number, end: number): string {
  const scale = BAR / Math.max(end - begin, 0.001)
  const from = Math.min(BAR - 1, Math.max(0, Math.floor((startMs - begin) * scale)))
  const length = Math.min(BAR - from, Math.max(1, Math.round(durationMs * scale)))
  return `${'·'.repeat(from)}${'█'.repeat(length)}${'·'.repeat(BAR - from - length)}`
}
