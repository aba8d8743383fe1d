import type { Coverage, TimeRange } from '../../../core/api/coverage.ts'
import type { Ejection, Sidecar } from '../../../core/api/sidecars.ts'
import type { TraceRow } from '../../../core/api/traces.ts'
import type { MeshEvent } from '../../../core/api/traffic.ts'
import type { RowName, TrafficCounts } from '../graph/traffic-counts.ts'
import type { Counts } from '../telemetry/counts.ts'
import type { EventQuery } from '../events/event-log.ts'
import type { StoredSpan } from '../telemetry/stored-span.ts'
import type { TraceQuery } from '../telemetry/trace-query.ts'
import type { TimeGrid } from './time-grid.ts'

/** What was counted, and since when: nothing is known of the time before. Milliseconds since the epoch. */
export interface KnownCounts {
  readonly since: number
  readonly counts: TrafficCounts
}

export interface KnownRows {
  readonly since: number
  /** Of each row that was asked for, one a step of the grid. */
  readonly rows: readonly (readonly Counts[])[]
}

/** What is kept of what sidecars told; ranges and grids are those of time-grid.ts. */
export interface StoredTelemetry {
  counts(range: TimeRange): Promise<KnownCounts>
  rows(names: readonly RowName[], grid: TimeGrid): Promise<KnownRows>
  /** The newest first; one more than the limit where there are more. */
  traces(query: TraceQuery): Promise<readonly TraceRow[]>
  /** One of each step: the slowest, or the slowest that failed. */
  peaks(query: TraceQuery, stepMs: number): Promise<readonly TraceRow[]>
  /** Empty: there is no such trace. */
  spans(traceId: string): Promise<readonly StoredSpan[]>
  events(query: EventQuery): Promise<readonly MeshEvent[]>
}

/** Of one replica, what its sidecars told it, and how they are now. */
export interface TelemetrySource extends StoredTelemetry {
  /** Of sidecars that ask it for their configuration, or tell it of themselves. */
  sidecars(): Promise<readonly Sidecar[]>
  /** Endpoints that they leave out now. */
  ejections(): Promise<readonly Ejection[]>
}

/** Of all replicas, and who answered. */
export type Covered<T> = T & { readonly coverage: Coverage }

/** One replica that knows of no other. */
export const ALONE: Coverage = { answered: 1, missing: [] }
