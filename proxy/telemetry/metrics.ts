import type { CounterName } from '../model/counters.ts'
import { formatFlags } from '../model/response-flag.ts'
import type { ConnectionRecord, RequestRecord } from '../exchange/telemetry-sink.ts'
import { DecisionCounts } from './decision-counts.ts'

/**
 * Of http.server.request.duration (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/), and three below:
 * a hop inside a cluster mostly takes less than their smallest. Seconds.
 */
export const DURATION_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const
/** Methods that are told by name, numbered from 1; 0 is every other. */
const METHODS: ReadonlyMap<string, number> = new Map(
  ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY'].map((name, i) => [
    name,
    i + 1,
  ]),
)
const MAX_GRPC_STATUS = 16
/** Beyond this many, requests of a direction are counted under one set with `_OTHER` in every label. */
const MAX_SERIES = 2000
const IDLE_MS = 10 * 60_000

const SUM = DURATION_BUCKETS.length + 1
const RECEIVED = SUM + 1
const SENT = SUM + 2
const RETRIES = SUM + 3
const WIDTH = SUM + 4

export interface RequestLabels {
  readonly direction: 'outbound' | 'inbound'
  readonly method: string
  readonly status: string
  readonly route: string
  readonly cluster: string
  readonly service: string
  readonly source: string
  readonly flags: string
  /** Undefined in the set of those that fit no other. */
  readonly mtls: boolean | undefined
  /** -1: no gRPC. */
  readonly grpcStatus: number
}

/** One label set: a histogram of durations and three counters, in one typed array. */
export class RequestSeries {
  readonly labels: RequestLabels
  readonly values = new Float64Array(WIDTH)
  /** When the set was made: cumulative counters start there. Milliseconds since the epoch. */
  readonly since: number
  /** Undefined: the set for what fits no other. */
  readonly key: number | undefined
  /** Since the last `expire`. */
  used = true
  usedAt: number

  constructor(labels: RequestLabels, key: number | undefined, now: number) {
    this.labels = labels
    this.key = key
    this.since = now
    this.usedAt = now
  }

  get count(): number {
    let count = 0
    for (let i = 0; i <= DURATION_BUCKETS.length; i++) count += this.values[i] as number
    return count
  }

  /** Not cumulative: how many fell into each bucket, the last above all bounds. */
  get buckets(): readonly number[] {
    return Array.from(this.values.subarray(0, SUM))
  }

  get sumSeconds(): number {
    return this.values[SUM] as number
  }

  get bytesReceived(): number {
    return this.values[RECEIVED] as number
  }

  get bytesSent(): number {
    return this.values[SENT] as number
  }

  get retries(): number {
    return this.values[RETRIES] as number
  }
}

/** The labels that are numbers or of a small known set, as one number: below 2^53, so that it is exact. */
function numericKey(record: RequestRecord, method: number, mtls: boolean): number {
  const status = record.status & 1023
  const grpc = record.grpcStatus < 0 || record.grpcStatus > MAX_GRPC_STATUS ? 0 : record.grpcStatus + 1
  const outcome = (record.flags * 1024 + status) * (MAX_GRPC_STATUS + 2) + grpc
  const direction = record.direction === 'inbound' ? 1 : 0
  return ((outcome * (METHODS.size + 1) + method) * 2 + (mtls ? 1 : 0)) * 2 + direction
}

type ByOutcome = Map<number, RequestSeries>
type BySource = Map<string, ByOutcome>
type ByCluster = Map<string, BySource>

export class Metrics {
  readonly requests = new Set<RequestSeries>()
  readonly counters = new Map<CounterName, number>()
  readonly decisions = new DecisionCounts()
  readonly active = { outbound: 0, inbound: 0 }
  // By route, cluster, source and outcome: a request finds its set without making a string.
  #index = new Map<string, ByCluster>()
  readonly #other: Partial<Record<RequestRecord['direction'], RequestSeries>> = {}

  request(record: RequestRecord): void {
    const method = METHODS.get(record.method) ?? 0
    const mtls = record.sourceIdentity !== '' && record.destinationIdentity !== ''
    const source = record.direction === 'inbound' ? record.sourceIdentity : ''
    const key = numericKey(record, method, mtls)
    const series =
      this.#index.get(record.route)?.get(record.cluster)?.get(source)?.get(key) ??
      this.#series(key, record, mtls, source)
    const seconds = record.durationMs / 1000
    let bucket = 0
    while (bucket < DURATION_BUCKETS.length && seconds > (DURATION_BUCKETS[bucket] as number)) bucket++
    const values = series.values
    values[bucket] = (values[bucket] as number) + 1
    values[SUM] = (values[SUM] as number) + seconds
    values[RECEIVED] = (values[RECEIVED] as number) + record.bytesReceived
    values[SENT] = (values[SENT] as number) + record.bytesSent
    if (record.attempts > 1) values[RETRIES] = (values[RETRIES] as number) + record.attempts - 1
    series.used = true
  }

  connection(record: ConnectionRecord): void {
    this.count(`tcp_connections_${record.direction}`)
    this.count(`tcp_received_bytes_${record.direction}`, record.bytesReceived)
    this.count(`tcp_sent_bytes_${record.direction}`, record.bytesSent)
    if (record.flags !== 0) this.count(`tcp_failed_connections_${record.direction}`)
  }

  count(name: CounterName, by = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by)
  }

  /** Drops label sets that nothing was counted in for ten minutes. Called every few seconds. */
  expire(now: number): void {
    let dropped = false
    for (const series of this.requests) {
      if (series.used) {
        series.used = false
        series.usedAt = now
      } else if (now - series.usedAt > IDLE_MS) {
        this.requests.delete(series)
        dropped = true
      }
    }
    if (dropped) this.#reindex()
  }

  #series(key: number, record: RequestRecord, mtls: boolean, source: string): RequestSeries {
    const now = Date.now()
    if (this.requests.size >= MAX_SERIES) {
      this.count('metrics_overflow')
      const other = this.#other[record.direction]
      if (other && this.requests.has(other)) return other
      const made = new RequestSeries({ ...OTHER, direction: record.direction }, undefined, now)
      this.#other[record.direction] = made
      this.requests.add(made)
      return made
    }
    const labels: RequestLabels = {
      direction: record.direction,
      method: METHODS.has(record.method) ? record.method : '_OTHER',
      status: String(record.status),
      route: record.route,
      cluster: record.cluster,
      service: record.service,
      source,
      flags: formatFlags(record.flags),
      mtls,
      grpcStatus: record.grpcStatus,
    }
    const series = new RequestSeries(labels, key, now)
    this.requests.add(series)
    this.#put(series)
    return series
  }

  #put(series: RequestSeries): void {
    if (series.key === undefined) return
    const { route, cluster, source } = series.labels
    const clusters = at(this.#index, route, () => new Map<string, BySource>())
    const sources = at(clusters, cluster, () => new Map<string, ByOutcome>())
    at(sources, source, () => new Map<number, RequestSeries>()).set(series.key, series)
  }

  #reindex(): void {
    this.#index = new Map()
    for (const series of this.requests) this.#put(series)
  }
}

function at<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}

const OTHER = {
  method: '_OTHER',
  status: '_OTHER',
  route: '_OTHER',
  cluster: '_OTHER',
  service: '_OTHER',
  source: '_OTHER',
  flags: '_OTHER',
  mtls: undefined,
  grpcStatus: -1,
}
