import type { CheckFinding } from '../../../core/api/checks.ts'
import { findingView } from '../../../core/checks/finding-view.ts'
import type { Problem } from '../../../core/problem.ts'
import type { IssuerView, MeshOverview, NamedProxy } from '../rest/overview.ts'
import type { DecisionStore, RefusalCount, RefusalQuery, RefusalView } from '../telemetry/decision-store.ts'
import type { MetricStore } from '../telemetry/metric-store.ts'
import type { ObservedQuery, ObservedView } from '../telemetry/observed-view.ts'
import type { TraceStore } from '../telemetry/trace-store.ts'

/** What a replica is by itself, and who is connected to it. Plain JSON. */
export interface Standing {
  readonly release: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Of the mesh; each replica counts for itself. */
  readonly version: number
  readonly issuer: IssuerView | null
  readonly proxies: readonly NamedProxy[]
  readonly telemetry: {
    readonly traces: number
    readonly traceBytes: number
    readonly series: number
    readonly refused: number
  }
}

/** Who was heard of in the last minutes, whether or not they called in the last seconds. Plain JSON. */
export interface Heard {
  /** Requests a second, one value each two seconds of two minutes, by the name of the Service or workload; all of them 0: []. */
  readonly servers: Readonly<Record<string, readonly number[]>>
  readonly destinations: Readonly<Record<string, readonly number[]>>
  /** By `pairKey(source, destination)`. */
  readonly edges: readonly string[]
}

/** What one replica knows beside telemetry of the core/api pages, of its own proxies alone. */
export interface ReplicaFacts {
  standing(): Promise<Standing>
  heard(): Promise<Heard>
  /** All that the checker finds; undefined: it has none. */
  checks(): Promise<readonly CheckFinding[] | undefined>
  /** The newest first. */
  refusals(query: RefusalQuery): Promise<readonly RefusalView[]>
  /** Since a moment; what came last first. */
  refusalCounts(since: number, limit: number): Promise<readonly RefusalCount[]>
  /** Undefined: it keeps none. */
  observed(query: ObservedQuery): Promise<ObservedView | undefined>
}

export interface OwnFactsOptions {
  readonly mesh: Pick<MeshOverview, 'version' | 'issuer' | 'proxies'>
  readonly metrics: MetricStore
  readonly traces: TraceStore
  readonly decisions: DecisionStore
  readonly checks: (() => Promise<readonly Problem[]>) | undefined
  readonly observed: ((query: ObservedQuery) => Promise<ObservedView>) | undefined
  readonly release: string
  readonly startedAt: number
  readonly now: () => number
}

/** Of this replica. */
export function ownFacts(options: OwnFactsOptions): ReplicaFacts {
  const { mesh, metrics, traces, decisions, release, startedAt, now } = options
  return {
    async standing() {
      return {
        release,
        startedAt,
        version: mesh.version(),
        issuer: mesh.issuer() ?? null,
        proxies: mesh.proxies(),
        telemetry: {
          traces: traces.size,
          traceBytes: traces.bytes,
          series: metrics.series,
          refused: traces.refused + metrics.refused,
        },
      }
    },
    async heard() {
      const histories = (table: MetricStore['servers']): Record<string, readonly number[]> =>
        Object.fromEntries(
          [...table.entries()].map(([key, traffic]) => {
            const history = traffic.history(now())
            return [key, history.some((rate) => rate !== 0) ? history : []]
          }),
        )
      return {
        servers: histories(metrics.servers),
        destinations: histories(metrics.destinations),
        edges: [...metrics.edges.entries()].map(([key]) => key),
      }
    },
    checks: async () => (await options.checks?.())?.map(findingView),
    refusals: async (query) => decisions.refusals(query),
    refusalCounts: async (since, limit) => decisions.counts(since, limit),
    observed: async (query) => options.observed?.(query),
  }
}
