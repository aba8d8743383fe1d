import { numberOf, textOf } from './attributes.ts'
import type { StoredSpan } from './stored-span.ts'

/** One line of the list of traces: plain JSON. */
export interface TraceSummary {
  readonly traceId: string
  readonly startMs: number
  readonly durationMs: number
  /** Of the first span whose parent is not here. */
  readonly service: string
  readonly namespace: string
  readonly method: string
  readonly path: string
  readonly name: string
  /** HTTP status that the root saw; 0: none came. Undefined: it is no HTTP span. */
  readonly status: number | undefined
  readonly failed: boolean
  readonly spanCount: number
  /** Spans that ended in an error, the root among them. */
  readonly errors: number
  /** Tries beyond the first, of all hops. */
  readonly retries: number
  /** `catalog.shop` and so on, in the order in which they began. */
  readonly services: readonly string[]
}

/**
 * `spans` is not empty and all of one trace. Its root, its start and its end are those of the spans that another pod bears
 * out, where there are any: who got to know a trace's identifier adds what it likes to it, but does not become its root.
 */
export function summarize(spans: readonly StoredSpan[]): TraceSummary {
  const ordered = [...spans].sort((a, b) => a.startMs - b.startMs)
  const trees = treesOf(ordered)
  const borneOut = trees.filter((tree) => new Set(tree.map(podOf)).size > 1)
  const told = borneOut.length > 0 ? borneOut : trees
  const [root] = told[0] as [StoredSpan]
  const startMs = Math.min(...told.flat().map((span) => span.startMs))
  const endMs = Math.max(...told.flat().map((span) => span.startMs + span.durationMs))
  let retries = 0
  let errors = 0
  for (const span of ordered) {
    // Of a try it says only which one it is.
    if (textOf(span.attributes, 'weft.try') === '')
      retries += Math.max(0, numberOf(span.attributes, 'http.request.resend_count') ?? 0)
    if (span.status === 'error') errors++
  }
  return {
    traceId: root.traceId,
    startMs,
    durationMs: endMs - startMs,
    service: root.service,
    namespace: root.namespace,
    method: textOf(root.attributes, 'http.request.method'),
    path: textOf(root.attributes, 'url.path'),
    name: root.name,
    status: numberOf(root.attributes, 'http.response.status_code'),
    failed: root.status === 'error',
    spanCount: spans.length,
    errors,
    retries,
    services: [...new Set(ordered.map((span) => `${span.service}.${span.namespace}`))],
  }
}

/** The spans by what they hang from, in the order of their roots; the root of each is its first. */
function treesOf(ordered: readonly StoredSpan[]): readonly (readonly [StoredSpan, ...StoredSpan[]])[] {
  const byId = Map.groupBy(ordered, (span) => span.spanId)
  const parentOf = (span: StoredSpan): StoredSpan | undefined =>
    byId.get(span.parentSpanId)?.find((parent) => parent !== span && mayBeParent(parent, span))
  const rootOf = new Map<StoredSpan, StoredSpan>()
  const trees = new Map<StoredSpan, [StoredSpan, ...StoredSpan[]]>()
  for (const span of ordered) {
    const passed = new Set<StoredSpan>()
    let top = span
    // Who makes a circle has no root beyond it.
    for (let up: StoredSpan | undefined = span; up && !passed.has(up) && !rootOf.has(up); up = parentOf(up))
      passed.add((top = up))
    const root = rootOf.get(span) ?? rootOf.get(parentOf(top) ?? top) ?? top
    for (const one of passed) rootOf.set(one, root)
    if (!trees.has(root)) trees.set(root, [root])
    if (span !== root) trees.get(root)?.push(span)
  }
  return [...trees.values()].sort(([a], [b]) => a.startMs - b.startMs)
}

/** As sidecars tell it: what a pod sends hangs from what it got itself, and what it got from what its caller sent. */
function mayBeParent(parent: StoredSpan, child: StoredSpan): boolean {
  if (child.kind !== 'server') return podOf(parent) === podOf(child)
  const caller = textOf(child.attributes, 'weft.source_identity')
  return caller === '' || caller.includes(`/ns/${parent.namespace}/`)
}

function podOf({ namespace, pod }: StoredSpan): string {
  return `${namespace}/${pod}`
}
