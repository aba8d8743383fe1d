import { setImmediate } from 'node:timers/promises'
import type { TimeRange } from '../../../core/api/coverage.ts'
import type { Ejection, Sidecar, Sidecars } from '../../../core/api/sidecars.ts'
import type { SpanView, TraceSearch, TraceView } from '../../../core/api/traces.ts'
import type { Events, Graph, Series, SeriesSubject } from '../../../core/api/traffic.ts'
import type { Clock } from '../../../core/clock.ts'
import { figuresOf } from '../graph/figures.ts'
import { graphOf } from '../graph/graph.ts'
import { primaryService, serviceId, type Topology } from '../graph/topology.ts'
import type { RowName } from '../graph/traffic-counts.ts'
import { addCounts, noCounts, requestsOf, type Counts } from '../telemetry/counts.ts'
import type { EventQuery } from '../events/event-log.ts'
import { OUTSIDE, pairKey, pairOf } from '../telemetry/metric-store.ts'
import type { TraceQuery } from '../telemetry/trace-query.ts'
import { summarize } from '../telemetry/trace-summary.ts'
import type { Covered, TelemetrySource } from './telemetry-source.ts'
import { alignedRange, gridOf, timesOf } from './time-grid.ts'

/** A TelemetrySource that says who answered. */
export type CoveredSource = {
  readonly [K in keyof TelemetrySource]: (
    ...asked: Parameters<TelemetrySource[K]>
  ) => Promise<Covered<{ readonly value: Awaited<ReturnType<TelemetrySource[K]>> }>>
}

export interface MeshAnswersOptions {
  readonly source: CoveredSource
  readonly topology: () => Topology
  readonly clock: Clock
}

/** A range that ends within that is about now. */
const NOW_MS = 15_000
/** Who called so long ago still uses the endpoints. */
const CALLERS_MS = 60_000

/** What the pages of core/api answer. */
export class MeshAnswers {
  readonly #source: CoveredSource
  readonly #topology: () => Topology
  readonly #clock: Clock

  constructor({ source, topology, clock }: MeshAnswersOptions) {
    this.#source = source
    this.#topology = topology
    this.#clock = clock
  }

  async graph(asked: TimeRange, namespace?: string): Promise<Graph> {
    const range = alignedRange(asked, this.#clock.now())
    const now = this.#clock.now()
    // Of a time that is over nobody knows any more who was left out.
    const live = asked.to >= now - NOW_MS
    // Of a mesh that changed it is made anew, which takes a turn of its own.
    const topology = this.#topology()
    await setImmediate()
    const [{ value, coverage }, ejections] = await Promise.all([
      this.#source.counts(range),
      live ? this.#source.ejections() : undefined,
    ])
    await setImmediate()
    const seen = { from: Math.max(range.from, Math.min(value.since, range.to - 1)), to: range.to }
    return graphOf(topology, value.counts, { range: seen, namespace, ejections: ejections?.value }, coverage)
  }

  async series(subject: SeriesSubject, asked: TimeRange, points: number): Promise<Series> {
    const grid = gridOf(asked, points, this.#clock.now())
    const topology = this.#topology()
    const [first, otherwise] = rowsOf(topology, subject)
    const names = [...first, ...otherwise]
    const query = peakQuery(subject, grid)
    const [{ value, coverage }, peaks] = await Promise.all([
      this.#source.rows(names, grid),
      query === undefined ? undefined : this.#source.peaks(query, grid.stepMs),
    ])
    const sums = (of: readonly (readonly Counts[])[]): Counts[] =>
      timesOf(grid).map((_, step) => of.reduce((sum, row) => addCounts(sum, row[step] ?? []), noCounts()))
    const seen = sums(value.rows.slice(0, first.length))
    const steps = seen.some((row) => requestsOf(row) > 0) ? seen : sums(value.rows.slice(first.length))
    const times = timesOf(grid)
    const figures = steps.map((row, step) => {
      const from = times[step] as number
      const to = Math.min(from + grid.stepMs, grid.to)
      // Of a step that is known in part the rate is that of the part.
      const known = to - Math.max(from, value.since)
      return known <= 0 ? undefined : figuresOf(row, known / 1000)
    })
    return {
      coverage,
      subject,
      ...grid,
      times,
      rate: figures.map((one) => one?.rate ?? null),
      failedRate: figures.map((one) => one?.failedRate ?? null),
      p50Ms: figures.map((one) => one?.p50Ms ?? null),
      p95Ms: figures.map((one) => one?.p95Ms ?? null),
      p99Ms: figures.map((one) => one?.p99Ms ?? null),
      exemplars: (peaks?.value ?? []).map(({ startMs, traceId, durationMs, failed, errors }) => ({
        at: startMs,
        traceId,
        durationMs,
        failed: failed || errors > 0,
      })),
    }
  }

  async traces(query: TraceQuery): Promise<TraceSearch> {
    const { value, coverage } = await this.#source.traces(query)
    const { from, to, limit } = query
    return { from, to, coverage, traces: value.slice(0, limit), more: value.length > limit }
  }

  /** Undefined: nobody has it. Who did not answer might: `coverage` says so. */
  async trace(traceId: string): Promise<Covered<{ readonly trace: TraceView | undefined }>> {
    const { value, coverage } = await this.#source.spans(traceId)
    if (value.length === 0) return { trace: undefined, coverage }
    const spans = value
      .toSorted((a, b) => a.startMs - b.startMs || b.durationMs - a.durationMs)
      .map((span): SpanView => span)
    return { trace: { ...summarize(value), coverage, spans }, coverage }
  }

  /** Those that the mesh knows of, in order; `expected`: pods that should have one. */
  async sidecars(expected: readonly ExpectedSidecar[], namespace?: string): Promise<Sidecars> {
    const { value, coverage } = await this.#source.sidecars()
    const known = new Map(value.map((one) => [`${one.namespace}/${one.pod}`, one]))
    for (const pod of expected) {
      const key = `${pod.namespace}/${pod.pod}`
      if (!known.has(key)) known.set(key, { ...UNHEARD, ...pod })
    }
    const sidecars = [...known.values()].filter(
      (one) => namespace === undefined || one.namespace === namespace,
    )
    return { coverage, now: this.#clock.now(), sidecars: sidecars.sort(byPod) }
  }

  /** Workloads with a sidecar, `web.shop`, that called a Service lately: whoever called most first. */
  async callersOf(service: string): Promise<Covered<{ readonly callers: readonly string[] }>> {
    const now = this.#clock.now()
    const range = alignedRange({ from: now - CALLERS_MS, to: now }, now)
    const { value, coverage } = await this.#source.counts(range)
    const callers = [...value.counts.edges].flatMap(([key, counts]) => {
      const [source, target] = pairOf(key)
      const requests = requestsOf(counts)
      return target === service && source !== OUTSIDE && requests > 0 ? [{ source, requests }] : []
    })
    callers.sort((a, b) => b.requests - a.requests || (a.source < b.source ? -1 : 1))
    return { callers: callers.map(({ source }) => source), coverage }
  }

  /** What callers leave out now. */
  ejections(): Promise<Covered<{ readonly value: readonly Ejection[] }>> {
    return this.#source.ejections()
  }

  async events(query: EventQuery): Promise<Events> {
    const { value, coverage } = await this.#source.events(query)
    const { from, to, limit } = query
    return { from, to, coverage, events: value.slice(0, limit) }
  }
}

/** A pod that should have a sidecar. */
export type ExpectedSidecar = Pick<Sidecar, 'namespace' | 'pod' | 'service' | 'serviceAccount'>

const UNHEARD = {
  connectedAt: null,
  runtime: '',
  version: 0,
  behind: 0,
  rejected: '',
  reportedAt: null,
  certificateEndsAt: null,
  rootEndsAt: null,
  configChangedAt: null,
} as const

function byPod(a: Sidecar, b: Sidecar): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1
  return a.pod < b.pod ? -1 : a.pod > b.pod ? 1 : 0
}

/** Rows whose sum it is, and those that are taken where that is nothing: what its callers saw, else its own sidecars. */
function rowsOf(topology: Topology, subject: SeriesSubject): readonly [RowName[], RowName[]] {
  switch (subject.of) {
    case 'edge':
      return [edgeRows(topology, subject), []]
    case 'backend':
      return [[{ table: 'backends', key: pairKey(subject.route, subject.cluster) }], []]
    case 'workload':
      return [[{ table: 'servers', key: subject.name }], []]
    case 'service': {
      const { name } = subject
      return [
        [
          { table: 'destinations', key: name },
          ...outsideRows(topology, name),
          ...versionRows(topology, name),
        ],
        [{ table: 'servers', key: name }],
      ]
    }
  }
}

function edgeRows(
  topology: Topology,
  { source, target }: { readonly source: string; readonly target: string },
): RowName[] {
  return source === OUTSIDE
    ? outsideRows(topology, target)
    : [{ table: 'edges', key: pairKey(source, target) }]
}

/** What came to its pods from those without an identity. */
function outsideRows(topology: Topology, service: string): RowName[] {
  const workloads = [...topology.workloads.keys()].filter((id) => primaryService(topology, id) === service)
  return workloads.map((id) => ({ table: 'arrivals', key: pairKey(OUTSIDE, id) }))
}

/** What routes of others led to it. */
function versionRows(topology: Topology, service: string): RowName[] {
  const splits = topology.versionOf.get(service) ?? []
  const rules = [...topology.rules].filter(([, services]) => services.some((one) => splits.includes(one)))
  return rules.flatMap(([rule]) =>
    clustersOf(topology, service).map((cluster) => ({
      table: 'backends' as const,
      key: pairKey(rule, cluster),
    })),
  )
}

function clustersOf(topology: Topology, service: string): readonly string[] {
  return (topology.services.get(service)?.clusters ?? []).filter((key) => serviceId(key) === service)
}

/** Traces that may stand for points of it; undefined: none is known to. */
function peakQuery(subject: SeriesSubject, { from, to }: TimeRange): TraceQuery | undefined {
  const range = { from, to, limit: Infinity }
  switch (subject.of) {
    case 'edge':
      return { ...range, service: subject.target, ...(subject.source && { caller: subject.source }) }
    case 'backend':
      return { ...range, route: subject.route, cluster: subject.cluster }
    case 'service':
    case 'workload':
      return { ...range, service: subject.name }
  }
}
