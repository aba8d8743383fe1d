import type { ExportMetricsServiceRequest, HistogramDataPoint } from '../../../core/xds/generated/otlp.js'
import { numberOf, readAttributes, textOf, type Attributes } from './attributes.ts'
import { CumulativeReader } from './cumulative.ts'
import { BUCKETS, rebucket } from './durations.ts'
import { reporterOf, serviceKey, type Reporter, type ReportingCaller } from './reporter.ts'
import { TrafficTable } from './traffic.ts'

const MAX_SERIES = 100_000
const MAX_SERVICES = 5000
const MAX_PAIRS = 10_000
const IDLE_MS = 15 * 60_000
const EXPIRE_EVERY_MS = 60_000

/** A caller that has no mesh identity. */
export const OUTSIDE = ''

type Direction = 'server' | 'client'
const METRICS: Readonly<Record<string, Direction>> = {
  'http.server.request.duration': 'server',
  'http.client.request.duration': 'client',
}
// gRPC statuses that are the server's fault (OpenTelemetry's rule for server spans).
const FAILED_GRPC = new Set([2, 4, 12, 13, 14, 15])

/** What proxies count, added up by service, by pair of services and by backend of a route. */
export class MetricStore {
  /** By `catalog.shop`: as its own sidecars saw it. */
  readonly servers: TrafficTable
  /** By destination service: as its callers saw it. */
  readonly destinations: TrafficTable
  /** By `pairKey(source, destination)`: as the source saw it; from OUTSIDE as the destination did. */
  readonly edges: TrafficTable
  /** By `pairKey(route, cluster)`. */
  readonly backends: TrafficTable
  readonly #reader = new CumulativeReader(MAX_SERIES)
  #expiredAt = 0

  constructor() {
    this.servers = new TrafficTable(MAX_SERVICES)
    this.destinations = new TrafficTable(MAX_SERVICES)
    this.edges = new TrafficTable(MAX_PAIRS)
    this.backends = new TrafficTable(MAX_PAIRS)
  }

  get series(): number {
    return this.#reader.size
  }

  /** Points and label sets that did not fit or were malformed. */
  get refused(): number {
    const tables = this.servers.refused + this.destinations.refused + this.edges.refused
    return tables + this.backends.refused + this.#reader.refused
  }

  /** Takes one reporter's push. Gives the number of points that were refused. */
  add(request: ExportMetricsServiceRequest, caller: ReportingCaller, now: number): number {
    if (now - this.#expiredAt > EXPIRE_EVERY_MS) this.#expire(now)
    const before = this.refused
    for (const { resource, scopeMetrics } of request.resourceMetrics ?? []) {
      const reporter = reporterOf(resource, caller)
      for (const { metrics } of scopeMetrics ?? [])
        for (const { name = '', histogram } of metrics ?? []) {
          const direction = Object.hasOwn(METRICS, name) ? METRICS[name] : undefined
          if (!direction || !histogram) continue
          for (const point of histogram.dataPoints ?? [])
            this.#point(direction, reporter, point, histogram.aggregationTemporality, now)
        }
    }
    return this.refused - before
  }

  #point(
    direction: Direction,
    reporter: Reporter,
    point: HistogramDataPoint,
    temporality: string | undefined,
    now: number,
  ): void {
    if (temporality !== 'AGGREGATION_TEMPORALITY_CUMULATIVE') {
      this.#reader.refused++
      return
    }
    const attributes = readAttributes(point.attributes)
    const self = serviceKey(reporter)
    const series = JSON.stringify([direction, self, reporter.pod, ...Object.entries(attributes)])
    const increase = this.#reader.read(series, point, now)
    if (!increase) return
    const counts = new Float64Array(BUCKETS)
    rebucket(increase.counts, increase.bounds, counts)
    const failed = hasFailed(attributes)
    const add = (table: TrafficTable, key: string) =>
      table.at(key, now)?.add(counts, failed, increase.fromMs, now)
    if (direction === 'server') {
      add(this.servers, self)
      if (textOf(attributes, 'weft.source_identity') === '') add(this.edges, pairKey(OUTSIDE, self))
      return
    }
    const destination = textOf(attributes, 'weft.destination_service')
    const route = textOf(attributes, 'http.route')
    const cluster = textOf(attributes, 'weft.cluster')
    if (destination !== '') {
      add(this.destinations, destination)
      add(this.edges, pairKey(self, destination))
    }
    if (route !== '') add(this.backends, pairKey(route, cluster))
  }

  #expire(now: number): void {
    this.#expiredAt = now
    this.#reader.expire(now)
    for (const table of [this.servers, this.destinations, this.edges, this.backends])
      table.expire(now, IDLE_MS)
  }
}

/** One key of two texts, and back. */
export function pairKey(first: string, second: string): string {
  return JSON.stringify([first, second])
}

export function pairOf(key: string): readonly [first: string, second: string] {
  return JSON.parse(key) as [string, string]
}

/** The caller got no good answer: 5xx, none at all, or a gRPC status that is the server's fault. A caller who left failed nobody. */
function hasFailed(attributes: Attributes): boolean {
  const status = numberOf(attributes, 'http.response.status_code') ?? 0
  if (status === 0) return textOf(attributes, 'weft.response_flags') !== 'DC'
  return status >= 500 || FAILED_GRPC.has(numberOf(attributes, 'rpc.grpc.status_code') ?? -1)
}
