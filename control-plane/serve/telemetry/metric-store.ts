import { METRIC_ATTRIBUTES, readAttributes, textOf, type Attributes } from './attributes.ts'
import { CumulativeReader, SERIES_SHARES } from './cumulative.ts'
import { BUCKETS, rebucket } from './durations.ts'
import type { Shares } from './fair-budget.ts'
import type { ReportedPoint } from './report-parts.ts'
import { serviceKey, type Reporter } from './reporter.ts'
import { outcomeOf } from './request-outcome.ts'
import { TrafficTable, type Transport } from './traffic.ts'

const IDLE_MS = 15 * 60_000
const EXPIRE_EVERY_MS = 60_000

/** A caller that has no mesh identity. */
export const OUTSIDE = ''

type Direction = 'server' | 'client'
const METRICS: Readonly<Record<string, Direction>> = {
  'http.server.request.duration': 'server',
  'http.client.request.duration': 'client',
}

/** Whether the store takes points of this metric; those of gRPC stand among HTTP's, too. */
export function isStored(metric: string): boolean {
  return Object.hasOwn(METRICS, metric)
}

/** What of the mesh a reporter may tell about; what it tells of anything else is not counted. */
export interface ReportedMesh {
  /** There is a Service of this name, `catalog.shop`. */
  hasService(name: string): boolean
  /** Clients of this namespace follow this rule of a route, `HTTPRoute/shop/catalog/0`, and it leads to this cluster. */
  follows(namespace: string, rule: string, cluster: string): boolean
  /** The Service, `catalog.shop`, that clients of this namespace ask for who follow this rule; undefined: they don't. */
  askedBy(namespace: string, rule: string): string | undefined
  /** Pods with a sidecar have this identity: what they send they tell themselves. */
  tells(identity: string): boolean
}

const ANY_MESH: ReportedMesh = {
  hasService: () => true,
  follows: () => true,
  askedBy: () => undefined,
  tells: () => true,
}

/** Of arrivals there are few: callers that tell nothing, and those that were refused. */
const ARRIVAL_SHARES: Shares = {
  perPod: 8 * 1024 * 1024,
  perNamespace: 8 * 1024 * 1024,
  total: 16 * 1024 * 1024,
}

/** What proxies count, added up by service, by pair of services and by backend of a route. */
export class MetricStore {
  /** By `catalog.shop`, of a workload and of the Services that lead to it: as its own sidecars saw it. */
  readonly servers = new TrafficTable()
  /** By the Service that callers asked for, wherever a route sent them: as they saw it. */
  readonly destinations = new TrafficTable()
  /** By `pairKey(source, destination)`, the latter as above: as the source saw it; from OUTSIDE as the destination did. */
  readonly edges = new TrafficTable()
  /**
   * By `pairKey(identity, workload)`: what came from those who tell nothing themselves ('' has no identity), and, of
   * everybody, what was refused.
   */
  readonly arrivals = new TrafficTable(ARRIVAL_SHARES)
  /** By `pairKey(route, cluster)`. */
  readonly backends = new TrafficTable()
  /**
   * What was counted before this time was handed on, and stays as it is: what is told late counts from here. Milliseconds
   * since the epoch.
   */
  settledUntil = 0
  readonly #reader: CumulativeReader
  readonly #mesh: ReportedMesh
  #expiredAt = 0

  /** `series`: what those of a pod, of a namespace and all together may take in memory. */
  constructor(mesh: ReportedMesh = ANY_MESH, series: Shares = SERIES_SHARES) {
    this.#mesh = mesh
    this.#reader = new CumulativeReader(series)
  }

  get series(): number {
    return this.#reader.size
  }

  /** Points that were malformed. */
  get refused(): number {
    return this.#reader.refused
  }

  /** What all of it takes in memory, estimated. */
  get bytes(): number {
    return this.#tables.reduce((sum, { bytes }) => sum + bytes, this.#reader.bytes)
  }

  /** Takes one point of a reporter's push. False: it was refused. */
  add({ metric, temporality, point }: ReportedPoint, reporter: Reporter, now: number): boolean {
    if (now - this.#expiredAt > EXPIRE_EVERY_MS) this.#expire(now)
    const direction = Object.hasOwn(METRICS, metric) ? METRICS[metric] : undefined
    if (!direction) return true
    if (!point || temporality !== 'AGGREGATION_TEMPORALITY_CUMULATIVE') {
      this.#reader.refused++
      return false
    }
    const attributes = readAttributes(point.attributes, METRIC_ATTRIBUTES)
    const self = serviceKey(reporter)
    const series = JSON.stringify([direction, self, reporter.pod, ...Object.entries(attributes)])
    const before = this.#reader.refused
    const increase = this.#reader.read(reporter, series, point, now)
    if (!increase) return this.#reader.refused === before
    const counts = new Float64Array(BUCKETS)
    rebucket(increase.counts, increase.bounds, counts)
    const denied = textOf(attributes, 'weft.response_flags').split(',').includes('UAEX')
    const kind = { outcome: outcomeOf(attributes), transport: transportOf(attributes, direction), denied }
    const fromMs = Math.min(Math.max(increase.fromMs, this.settledUntil), now)
    const count = (table: TrafficTable, key: string) =>
      table.at(key, reporter.namespace, now).add(counts, kind, fromMs, now)
    if (direction === 'server') {
      const source = textOf(attributes, 'weft.source_identity')
      for (const key of new Set([self, ...reporter.behind])) {
        count(this.servers, key)
        if (source === '') count(this.edges, pairKey(OUTSIDE, key))
      }
      if (denied || source === '' || !this.#mesh.tells(source)) count(this.arrivals, pairKey(source, self))
      return true
    }
    const route = ruleOf(attributes)
    const cluster = textOf(attributes, 'weft.backend') || textOf(attributes, 'weft.cluster')
    const destination = this.#destinationOf(attributes, route, reporter)
    if (destination !== undefined) {
      count(this.destinations, destination)
      count(this.edges, pairKey(self, destination))
    }
    if (route !== '' && this.#mesh.follows(reporter.namespace, route, cluster))
      count(this.backends, pairKey(route, cluster))
    return true
  }

  /** The Service that was asked for: what the rule hangs on, else that of the cluster. */
  #destinationOf(attributes: Attributes, route: string, { namespace }: Reporter): string | undefined {
    const asked = route === '' ? undefined : this.#mesh.askedBy(namespace, route)
    if (asked !== undefined) return asked
    const destination = textOf(attributes, 'weft.destination_service')
    return destination !== '' && this.#mesh.hasService(destination) ? destination : undefined
  }

  get #tables(): readonly TrafficTable[] {
    return [this.servers, this.destinations, this.edges, this.backends, this.arrivals]
  }

  #expire(now: number): void {
    this.#expiredAt = now
    this.#reader.expire(now)
    for (const table of this.#tables) table.expire(now, IDLE_MS)
  }
}

/** One key of two texts, and back. */
export function pairKey(first: string, second: string): string {
  return JSON.stringify([first, second])
}

export function pairOf(key: string): readonly [first: string, second: string] {
  return JSON.parse(key) as [string, string]
}

/** The rule of a route that a request followed, `HTTPRoute/shop/catalog/0`, or ''. */
export function ruleOf(attributes: Attributes): string {
  return textOf(attributes, 'weft.route') || textOf(attributes, 'http.route')
}

/**
 * What a caller failed to send, as nobody could be reached or checked, went over no connection; and one set of a sidecar stands
 * for all requests that fit no other, however they came.
 */
function transportOf(attributes: Attributes, direction: Direction): Transport {
  const mtls = attributes['weft.mtls']
  if (mtls === true) return 'mutualTls'
  const sent = direction === 'server' || textOf(attributes, 'weft.response_flags') === '-'
  return mtls === false && sent ? 'plaintext' : 'unknown'
}
