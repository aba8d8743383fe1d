import { atOnce } from '../../../core/in-turns.ts'
import { sameCaller, type ObservedCall } from '../../../core/observed-calls.ts'
import type { Mesh, Workload } from '../../model/mesh.ts'
import { endpointsOf } from './address-owners.ts'
import type { ObservedStore, ObservedSeries } from './observed-store.ts'

/** What was seen of those who call the pods of the mesh, by workload. Plain JSON; times are milliseconds since the epoch. */
export interface ObservedView {
  readonly now: number
  readonly since: number
  /** Kinds of calls that were forgotten before their time, in all of the mesh, as there were too many. */
  readonly evicted: number
  /** In order of namespace and name. */
  readonly workloads: readonly ObservedWorkload[]
  /** `pod.namespace` of pods of Services that have no sidecar, so that nobody sees who calls them. */
  readonly withoutSidecar: readonly string[]
}

/** Pods of one namespace that go by one name (docs/telemetry-names.md). */
export interface ObservedWorkload {
  readonly namespace: string
  readonly name: string
  /** Those that are there. */
  readonly pods: readonly ObservedPod[]
  /** All that reported in the time, also those that are gone by now. */
  readonly watched: readonly PodWatch[]
  /** That a pod declares, or a Service aims at. */
  readonly ports: readonly ObservedPort[]
  readonly calls: readonly CallRow[]
}

export interface ObservedPod {
  readonly name: string
  /** Its SPIFFE ID. */
  readonly identity: string
  readonly labels: Readonly<Record<string, string>>
  /** `name.namespace` of the Services that lead to it. */
  readonly services: readonly string[]
}

export interface ObservedPort {
  readonly port: number
  readonly protocol: string
}

/** How long a pod was watched. */
export interface PodWatch {
  readonly pod: string
  readonly since: number
  readonly reported: number
  /** How often its sidecar began anew. */
  readonly restarts: number
  /** Calls that found no room in the sidecar: of whatever kind. */
  readonly others: number
}

export interface CallRow extends ObservedCall {
  /** `pod.namespace` that had `address` whenever calls were told of; '' where none is known, or where several had it. */
  readonly caller: string
  readonly count: number
  readonly first: number
  readonly last: number
  /** The count by pod that was called: whoever adds up what replicas of the control plane know needs it. */
  readonly pods: Readonly<Record<string, number>>
}

export interface ObservedQuery {
  /** Undefined: all. */
  readonly namespace: string | undefined
  readonly sinceMs: number
  readonly now: number
}

/** What the store has, by the workloads of the mesh as it is now. Counts begin with the hour of `sinceMs`. */
export function observedView(
  store: ObservedStore,
  mesh: Mesh | undefined,
  query: ObservedQuery,
): ObservedView {
  return atOnce(observing(store, mesh, query))
}

/** The same, a pod or a kind of call at each step. */
export function* observing(
  store: ObservedStore,
  mesh: Mesh | undefined,
  { namespace, sinceMs, now }: ObservedQuery,
): Generator<void, ObservedView> {
  const workloads = new Map<string, Building>()
  const at = (key: string): Building => {
    const found = workloads.get(key) ?? newBuilding(key)
    workloads.set(key, found)
    return found
  }
  for (const workload of mesh?.workloads.values() ?? []) {
    if (namespace !== undefined && workload.namespace !== namespace) continue
    const one = at(`${workload.service}.${workload.namespace}`)
    one.pods.push(podOf(workload))
    for (const { port, protocol } of workload.ports) one.ports.set(port, { port, protocol })
    yield
  }
  for (const { owner, workload, firstMs, reportedMs, restarts, others } of store.pods(namespace)) {
    if (reportedMs < sinceMs) continue
    at(workload).watched.push({ pod: owner.pod, since: firstMs, reported: reportedMs, restarts, others })
  }
  for (const series of store.series(namespace)) {
    if (series.lastMs >= sinceMs) count(at(series.workload).calls, series, sinceMs)
    yield
  }
  return {
    now,
    since: sinceMs,
    evicted: store.evicted,
    workloads: [...workloads.values()].map(built).sort(byName),
    withoutSidecar: withoutSidecar(mesh, namespace),
  }
}

interface Building {
  readonly namespace: string
  readonly name: string
  readonly pods: ObservedPod[]
  readonly watched: PodWatch[]
  readonly ports: Map<number, ObservedPort>
  readonly calls: Map<string, CallBuilding>
}

interface CallBuilding extends CallRow {
  caller: string
  count: number
  first: number
  last: number
  pods: Record<string, number>
}

function newBuilding(key: string): Building {
  const dot = key.lastIndexOf('.')
  return {
    namespace: key.slice(dot + 1),
    name: key.slice(0, dot),
    pods: [],
    watched: [],
    ports: new Map(),
    calls: new Map(),
  }
}

function built({ namespace, name, pods, watched, ports, calls }: Building): ObservedWorkload {
  return {
    namespace,
    name,
    pods: pods.sort((a, b) => compare(a.name, b.name)),
    watched: watched.sort((a, b) => compare(a.pod, b.pod)),
    ports: [...ports.values()].sort((a, b) => a.port - b.port),
    calls: [...calls].sort(([a], [b]) => compare(a, b)).map(([, row]) => row),
  }
}

/** Replicas of a workload are one. */
function count(calls: Building['calls'], series: ObservedSeries, sinceMs: number): void {
  const { owner, call, caller, firstMs, lastMs } = series
  const key = JSON.stringify(Object.values(call))
  const row = calls.get(key) ?? {
    ...call,
    caller,
    count: 0,
    first: firstMs,
    last: lastMs,
    pods: {},
  }
  calls.set(key, row)
  row.caller = sameCaller(row.caller, caller)
  const own = series.count(sinceMs)
  row.count += own
  row.pods[owner.pod] = (row.pods[owner.pod] ?? 0) + own
  row.first = Math.min(row.first, firstMs)
  row.last = Math.max(row.last, lastMs)
}

function withoutSidecar(mesh: Mesh | undefined, namespace: string | undefined): string[] {
  const found = new Set<string>()
  for (const { meshed, workload } of endpointsOf(mesh))
    if (!meshed && workload !== '' && (namespace === undefined || workload.endsWith(`.${namespace}`)))
      found.add(workload)
  return [...found].sort(compare)
}

function podOf({ name, identity, labels, services }: Workload): ObservedPod {
  return { name, identity, labels, services }
}

function byName(a: ObservedWorkload, b: ObservedWorkload): number {
  return compare(a.namespace, b.namespace) || compare(a.name, b.name)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
