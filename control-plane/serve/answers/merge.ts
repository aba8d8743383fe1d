import type { Ejection, Sidecar } from '../../../core/api/sidecars.ts'
import type { TraceRow } from '../../../core/api/traces.ts'
import type { MeshEvent } from '../../../core/api/traffic.ts'
import type { StoredSpan } from '../telemetry/stored-span.ts'

/** Replicas see a change of the mesh at about the same time, and tell it in the same words. Milliseconds. */
const SAME_EVENT_MS = 10_000

/** Of a trace that several tell of, the one that knows most of it; the newest first, one more than the limit. */
export function mergedTraces(lists: readonly (readonly TraceRow[])[], limit: number): TraceRow[] {
  const best = new Map<string, TraceRow>()
  for (const row of lists.flat()) {
    const known = best.get(row.traceId)
    if (!known || row.spanCount > known.spanCount) best.set(row.traceId, row)
  }
  return [...best.values()].sort((a, b) => b.startMs - a.startMs).slice(0, limit + 1)
}

/** Each span of each pod once. */
export function mergedSpans(lists: readonly (readonly StoredSpan[])[]): StoredSpan[] {
  const known = new Map<string, StoredSpan>()
  for (const span of lists.flat()) {
    const key = JSON.stringify([span.namespace, span.pod, span.spanId, span.kind])
    if (!known.has(key)) known.set(key, span)
  }
  return [...known.values()]
}

/** What several tell of is told once, when the first of them did; the newest first, one more than the limit. */
export function mergedEvents(lists: readonly (readonly MeshEvent[])[], limit: number): MeshEvent[] {
  const told = new Map<string, number>()
  const events: MeshEvent[] = []
  for (const event of lists.flat().toSorted((a, b) => a.at - b.at)) {
    const key = JSON.stringify([event.kind, event.namespace, event.object, event.service, event.text])
    const before = told.get(key)
    if (before !== undefined && event.at - before < SAME_EVENT_MS) continue
    told.set(key, event.at)
    events.push(event)
  }
  return events.toReversed().slice(0, limit + 1)
}

/** Of a sidecar that asks one replica and told another, all that each knows; the newest report counts. */
export function mergedSidecars(lists: readonly (readonly Sidecar[])[]): Sidecar[] {
  const known = new Map<string, Sidecar>()
  for (const one of lists.flat()) {
    const key = `${one.namespace}/${one.pod}`
    const other = known.get(key)
    known.set(key, other ? joined(other, one) : one)
  }
  return [...known.values()]
}

function joined(a: Sidecar, b: Sidecar): Sidecar {
  const stream = (b.connectedAt ?? -1) > (a.connectedAt ?? -1) ? b : a
  const { reportedAt, certificateEndsAt, rootEndsAt, configChangedAt } =
    (b.reportedAt ?? -1) > (a.reportedAt ?? -1) ? b : a
  return { ...stream, reportedAt, certificateEndsAt, rootEndsAt, configChangedAt }
}

/** A sidecar that went over to another replica is told of by both for some seconds: what it said last counts. */
export function mergedEjections(lists: readonly (readonly Ejection[])[]): Ejection[] {
  const known = new Map<string, Ejection>()
  for (const one of lists.flat()) {
    const key = JSON.stringify([one.pod, one.cluster, one.endpoint])
    const other = known.get(key)
    if (!other || one.until > other.until) known.set(key, one)
  }
  return [...known.values()]
}
