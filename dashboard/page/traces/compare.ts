import type { SpanView } from '../../../core/api/traces.ts'
import { spanTree } from './span-tree.ts'

export interface ComparedSpan {
  /** Service, kind and name: what the spans of two traces have in common. */
  readonly title: string
  readonly service: string
  readonly kind: string
  readonly depth: number
  readonly first: SpanView | undefined
  readonly second: SpanView | undefined
}

/**
 * Spans of two traces beside each other. Two are the same step where their services, kinds and names and those of all that are
 * above them are, and they come as the same of several of that kind.
 */
export function compareTraces(first: readonly SpanView[], second: readonly SpanView[]): ComparedSpan[] {
  const left = steps(first)
  const right = steps(second)
  const rows: ComparedSpan[] = []
  const keys = [...left.keys()]
  // What only the second has stands behind what came before it there.
  let at = -1
  for (const key of right.keys()) {
    const found = keys.indexOf(key)
    if (found >= 0) at = found
    else keys.splice(++at, 0, key)
  }
  for (const key of keys) {
    const step = left.get(key) ?? right.get(key)
    if (!step) continue
    rows.push({
      title: step.span.name,
      service: step.span.service,
      kind: step.span.kind,
      depth: step.depth,
      first: left.get(key)?.span,
      second: right.get(key)?.span,
    })
  }
  return rows
}

function steps(spans: readonly SpanView[]): Map<string, { span: SpanView; depth: number }> {
  const found = new Map<string, { span: SpanView; depth: number }>()
  const above: string[] = []
  for (const { span, depth } of spanTree(spans)) {
    above.length = depth
    const base = [above[depth - 1] ?? '', span.service, span.kind, span.name].join('\n')
    let key = base
    for (let count = 2; found.has(key); count++) key = `${base} ${count}`
    above[depth] = key
    found.set(key, { span, depth })
  }
  return found
}
