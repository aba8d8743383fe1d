import { useState } from 'preact/hooks'
import type { SpanView, TraceView } from '../../../core/api/traces.ts'
import { milliseconds, plural } from '../words/format.ts'
import { spanTree, type SpanNode } from './span-tree.ts'
import { StatusBadge } from './status-badge.tsx'

const TICKS = 4
const HUES = 6
const DEEPEST_INDENT = 12
/** A trace has thousands of spans at most; more than that come by a button. */
const ROWS = 300

/** Words for what `weft.try` says of a span that is one try of a hop. */
const TRY_WORDS: Readonly<Record<string, string>> = {
  first: 'first try',
  retry: 'retry',
  replay: 'replayed',
  hedge: 'hedged',
  mirror: 'mirrored copy',
}

/** The spans of a trace by time, callers above those they call. */
export function Waterfall({ trace }: { trace: TraceView }) {
  const nodes = spanTree(trace.spans)
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const [rows, setRows] = useState(ROWS)
  const hues = new Map([...new Set(nodes.map(({ span }) => span.service))].map((name, i) => [name, i % HUES]))
  const total = Math.max(trace.durationMs, 1e-3)
  const toggle = (key: string): void => {
    const next = new Set(open)
    if (!next.delete(key)) next.add(key)
    setOpen(next)
  }
  return (
    <>
      <div class="waterfall">
        <div class="axis" aria-hidden="true">
          <span />
          <div class="lane">
            {Array.from({ length: TICKS + 1 }, (_, i) => (
              <span key={i} class="tick" style={{ '--at': `${(i / TICKS) * 100}%` }}>
                {milliseconds((total * i) / TICKS)}
              </span>
            ))}
          </div>
        </div>
        {nodes.slice(0, rows).map((node) => (
          <SpanRow
            key={spanKey(node.span)}
            node={node}
            startMs={trace.startMs}
            total={total}
            hue={hues.get(node.span.service) ?? 0}
            open={open.has(spanKey(node.span))}
            onToggle={toggle}
          />
        ))}
      </div>
      {nodes.length > rows && (
        <button type="button" class="more" onClick={() => setRows(rows + ROWS)}>
          Show more ({(nodes.length - rows).toLocaleString('en')} spans left)
        </button>
      )}
    </>
  )
}

/** A client and a server span may have one id (B3). */
export function spanKey({ spanId, kind }: SpanView): string {
  return `${spanId}/${kind}`
}

interface SpanRowProps {
  readonly node: SpanNode
  readonly startMs: number
  readonly total: number
  readonly hue: number
  readonly open: boolean
  readonly onToggle: (key: string) => void
}

function SpanRow({ node, startMs, total, hue, open, onToggle }: SpanRowProps) {
  const { span, depth, orphan } = node
  const from = Math.min(Math.max(((span.startMs - startMs) / total) * 100, 0), 100)
  const width = Math.min((span.durationMs / total) * 100, 100 - from)
  const text = (name: string): string => String(span.attributes[name] ?? '')
  const status = span.attributes['http.response.status_code'] ?? span.attributes['rpc.response.status_code']
  const tried = TRY_WORDS[text('weft.try')]
  const resends = Number(span.attributes['http.request.resend_count'] ?? 0)
  const flags = text('weft.response_flags')
  const failed = span.status === 'error'
  // Behind the bar, else before it, else in it.
  const place = from + width <= 78 ? 'behind' : from >= 16 ? 'before' : 'in'
  return (
    <div class="span">
      <button
        type="button"
        class={`span-row hue${hue}`}
        aria-expanded={open}
        onClick={() => onToggle(spanKey(span))}
      >
        <span class="label" style={{ '--depth': String(Math.min(depth, DEEPEST_INDENT)) }}>
          <bdi class="name">{span.service}</bdi>
          <span class="kind">{span.kind}</span>
          {typeof status === 'number' ? (
            <StatusBadge status={status} failed={failed} />
          ) : (
            status !== undefined && <span class={`tag ${failed ? 'bad' : 'good'}`}>{status}</span>
          )}
          {tried !== undefined && <span class={`tag ${tried === 'first try' ? '' : 'warn'}`}>{tried}</span>}
          {tried === undefined && resends > 0 && (
            <span class="tag warn">{plural(resends, 'retry', 'retries')}</span>
          )}
          {flags !== '' && flags !== '-' && <span class="tag bad">{flags}</span>}
          {failed && status === undefined && <span class="tag bad">failed</span>}
          {orphan && depth === 0 && (
            <span class="dim" title="Its caller is outside of the mesh, or was not kept.">
              ↥
            </span>
          )}
        </span>
        <span class="lane">
          <i
            class={`span-bar ${span.kind}${failed ? ' failed' : ''}`}
            style={{ '--from': `${from}%`, '--width': `${width}%` }}
          />
          <span class={`took ${place}`} style={{ '--at': `${place === 'behind' ? from + width : from}%` }}>
            {milliseconds(span.durationMs)}
          </span>
        </span>
      </button>
      {open && <Attributes span={span} />}
    </div>
  )
}

function Attributes({ span }: { span: SpanView }) {
  const rows: (readonly [string, string])[] = [
    ['span', span.name],
    ['pod', span.pod],
    ['namespace', span.namespace],
    ...(span.statusMessage === '' ? [] : [['status message', span.statusMessage] as const]),
    ...Object.entries(span.attributes)
      .map(([key, value]) => [key, String(value)] as const)
      .filter(([, value]) => value !== '')
      .sort(([a], [b]) => (a < b ? -1 : 1)),
    ['span id', span.spanId],
    ['parent span id', span.parentSpanId || 'none'],
  ]
  return (
    <dl class="attributes">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>
            <bdi>{name}</bdi>
          </dt>
          <dd>
            <bdi>{value}</bdi>
          </dd>
        </div>
      ))}
    </dl>
  )
}
