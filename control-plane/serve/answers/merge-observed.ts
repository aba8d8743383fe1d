import { sameCaller } from '../../../core/observed-calls.ts'
import type {
  CallRow,
  ObservedPod,
  ObservedView,
  ObservedWorkload,
  PodWatch,
} from '../telemetry/observed-view.ts'

/**
 * What replicas of the control plane know of one mesh, as one. A sidecar tells one replica at a time, and each all that it
 * counted: whoever knows most of a pod knows all of it.
 */
export function togetherObserved(views: readonly ObservedView[]): ObservedView {
  const workloads = new Map<string, ObservedWorkload>()
  for (const one of views.flatMap((view) => view.workloads)) {
    const key = `${one.namespace}/${one.name}`
    const other = workloads.get(key)
    workloads.set(key, other ? togetherWorkload(other, one) : one)
  }
  return {
    now: Math.max(...views.map(({ now }) => now)),
    since: Math.min(...views.map(({ since }) => since)),
    evicted: views.reduce((sum, { evicted }) => sum + evicted, 0),
    workloads: [...workloads].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one),
    withoutSidecar: [...new Set(views.flatMap(({ withoutSidecar }) => withoutSidecar))].sort(),
  }
}

function togetherWorkload(a: ObservedWorkload, b: ObservedWorkload): ObservedWorkload {
  const calls = new Map<string, CallRow>()
  for (const row of [...a.calls, ...b.calls]) {
    const key = callKey(row)
    const other = calls.get(key)
    calls.set(key, other ? togetherRow(other, row) : row)
  }
  const ports = new Map([...a.ports, ...b.ports].map((one) => [one.port, one] as const))
  return {
    namespace: a.namespace,
    name: a.name,
    pods: byName([...a.pods, ...b.pods], ({ name }: ObservedPod) => name),
    watched: byName(
      [...a.watched, ...b.watched].sort((one, other) => other.reported - one.reported),
      ({ pod }: PodWatch) => pod,
    ),
    ports: [...ports.values()].sort((one, other) => one.port - other.port),
    calls: [...calls.values()],
  }
}

function togetherRow(a: CallRow, b: CallRow): CallRow {
  const pods: Record<string, number> = { ...a.pods }
  for (const [pod, count] of Object.entries(b.pods)) pods[pod] = Math.max(pods[pod] ?? 0, count)
  return {
    ...a,
    caller: sameCaller(a.caller, b.caller),
    count: Object.values(pods).reduce((sum, count) => sum + count, 0),
    first: Math.min(a.first, b.first),
    last: Math.max(a.last, b.last),
    pods,
  }
}

/** What makes a kind of call one. */
export function callKey({ source, address, port, protocol, method, path, outcome }: CallRow): string {
  return JSON.stringify([source, address, port, protocol, method, path, outcome])
}

/** The first of each name. */
function byName<T>(all: readonly T[], name: (one: T) => string): T[] {
  const found = new Map<string, T>()
  for (const one of all) if (!found.has(name(one))) found.set(name(one), one)
  return [...found.values()]
}
