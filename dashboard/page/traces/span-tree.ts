import type { SpanView } from '../../../core/api/traces.ts'

export interface SpanNode {
  readonly span: SpanView
  readonly depth: number
  /** Its parent was named and is not here. */
  readonly orphan: boolean
}

/** Parents before children, siblings by their start. Every span once, also where hostile parents make a circle. */
export function spanTree(spans: readonly SpanView[]): SpanNode[] {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const children = Map.groupBy(
    [...spans].sort((a, b) => a.startMs - b.startMs || b.durationMs - a.durationMs),
    ({ spanId, parentSpanId }) => (ids.has(parentSpanId) && parentSpanId !== spanId ? parentSpanId : ''),
  )
  const nodes: SpanNode[] = []
  const placed = new Set<SpanView>()
  // By a list and not by calls: a chain may be as deep as somebody likes.
  const place = (root: SpanView): void => {
    const waiting: { readonly span: SpanView; readonly depth: number }[] = [{ span: root, depth: 0 }]
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { span, depth } = next
      if (placed.has(span)) continue
      placed.add(span)
      nodes.push({ span, depth, orphan: span.parentSpanId !== '' && !ids.has(span.parentSpanId) })
      const below = children.get(span.spanId) ?? []
      for (const child of below.toReversed()) waiting.push({ span: child, depth: depth + 1 })
    }
  }
  for (const root of children.get('') ?? []) place(root)
  for (const span of spans) place(span)
  return nodes
}
