import type { TraceRow } from '../../../core/api/traces.ts'
import { numberOf, textOf } from './attributes.ts'
import type { StoredSpan } from './stored-span.ts'

/**
 * `spans` is not empty and all of one trace. Its root, its start and its end are those of the spans that another pod bears
 * out, where there are any: who got to know a trace's identifier adds what it likes to it, but does not become its root.
 */
export function summarize(spans: readonly StoredSpan[]): TraceRow {
  const ordered = [...spans].sort((a, b) => a.startMs - b.startMs)
  const family = familyOf(ordered)
  const trees = treesOf(ordered, family)
  const borneOut = trees.filter((tree) => new Set(tree.map(podOf)).size > 1)
  const told = borneOut.length > 0 ? borneOut : trees
  const [root] = told[0] as [StoredSpan]
  const startMs = Math.min(...told.flat().map((span) => span.startMs))
  const endMs = Math.max(...told.flat().map((span) => span.startMs + span.durationMs))
  let retries = 0
  let errors = 0
  for (const span of ordered) {
    // The span of a hop says how often it was tried; those of its tries say which one each of them is.
    if (!isTry(span, family))
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
    flags: [...new Set(ordered.flatMap(flagsOf))],
    whole: ordered.every((span) => isWhole(span, family)),
  }
}

/** Spans by what they hang from. */
interface Family {
  readonly parentOf: (span: StoredSpan) => StoredSpan | undefined
  readonly childrenOf: (span: StoredSpan) => readonly StoredSpan[]
  /** Pods, by namespace and name, that told of a request that they got. */
  readonly served: ReadonlySet<string>
}

function familyOf(ordered: readonly StoredSpan[]): Family {
  const byId = Map.groupBy(ordered, (span) => span.spanId)
  const byParent = Map.groupBy(ordered, (span) => span.parentSpanId)
  return {
    parentOf: (span) =>
      byId.get(span.parentSpanId)?.find((parent) => parent !== span && mayBeParent(parent, span)),
    childrenOf: (span) =>
      (byParent.get(span.spanId) ?? []).filter((child) => child !== span && mayBeParent(span, child)),
    served: new Set(ordered.filter(({ kind }) => kind === 'server').map(podOf)),
  }
}

function isTry(span: StoredSpan, { parentOf }: Family): boolean {
  if (span.kind !== 'client') return false
  return 'weft.try' in span.attributes || parentOf(span)?.kind === 'client'
}

/**
 * Whether nothing is to come, as far as a span tells: its parent is there, and so is the other half of its hop. A caller
 * without an identity of the mesh tells nothing, and between what a pod got and what it sent may be spans of its
 * application, which are not told here.
 */
function isWhole(span: StoredSpan, family: Family): boolean {
  const { attributes, kind } = span
  if (span.parentSpanId !== '' && !family.parentOf(span)) {
    const excused =
      kind === 'server' ? textOf(attributes, 'weft.source_identity') === '' : family.served.has(podOf(span))
    if (!excused) return false
  }
  const server = textOf(attributes, 'weft.destination_identity') || textOf(attributes, 'weft.peer.identity')
  if (kind !== 'client' || server === '') return true
  // What a server's sidecar answered, or refused, it tells of; what never reached it, it cannot.
  const reached =
    (numberOf(attributes, 'http.response.status_code') ?? 0) > 0 && !flagsOf(span).some(isUnsent)
  return !reached || family.childrenOf(span).length > 0
}

/** Flags of what reached no endpoint, or was answered by the caller's own sidecar. */
const UNSENT = new Set(['UH', 'UF', 'UO', 'NR', 'NC', 'NB', 'UT', 'UR', 'UC', 'RL', 'FI', 'OM', 'LR', 'UAEX'])

function isUnsent(flag: string): boolean {
  return UNSENT.has(flag)
}

/** Response flags of a span: none is `-`. */
export function flagsOf({ attributes }: Pick<StoredSpan, 'attributes'>): string[] {
  return textOf(attributes, 'weft.response_flags')
    .split(',')
    .filter((flag) => flag !== '' && flag !== '-')
}

/** The spans by what they hang from, in the order of their roots; the root of each is its first. */
function treesOf(
  ordered: readonly StoredSpan[],
  { parentOf }: Family,
): readonly (readonly [StoredSpan, ...StoredSpan[]])[] {
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
