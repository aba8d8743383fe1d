import type { Span } from './api.mts'

export interface SpanNode {
  readonly span: Span
  readonly depth: number
  /** Its parent was named and is not here. */
  readonly orphan: boolean
}

/** Parents before children, siblings by their start. Every span once, also where hostile parents make a circle. */
export function spanTree(spans: readonly Span[]): SpanNode[] {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const children = Map.groupBy(
    [...spans].sort((a, b) => a.startMs - b.startMs || b.durationMs - a.durationMs),
    ({ spanId, parentSpanId }) => (ids.has(parentSpanId) && parentSpanId !== spanId ? parentSpanId : ''),
  )
  const nodes: SpanNode[] = []
  const placed = new Set<Span>()
  const place = (span: Span, depth: number): void => {
    if (placed.has(span)) return
    placed.add(span)
    nodes.push({ span, depth, orphan: span.parentSpanId !== '' && !ids.has(span.parentSpanId) })
    for (const child of children.get(span.spanId) ?? []) place(child, depth + 1)
  }
  for (const root of children.get('') ?? []) place(root, 0)
  for (const span of spans) place(span, 0)
  return nodes
}
