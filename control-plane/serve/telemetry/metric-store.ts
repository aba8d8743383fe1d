import { CumulativeReader, SERIES_SHARES } from './cumulative.ts'
import { BUCKETS, rebucket } from './durations.ts'
import { KnownAttributes, type Direction, type Told } from './known-attributes.ts'
import type { Shares } from './fair-budget.ts'
import type { ReportedPoint } from './report-parts.ts'
import { serviceKey, type Reporter } from './reporter.ts'
import { TrafficTable } from './traffic.ts'

const IDLE_MS = 15 * 60_000
const EXPIRE_EVERY_MS = 60_000

/** A caller that has no mesh identity. */
export const OUTSIDE = ''

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
  readonly #attributes = new KnownAttributes()
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

  /** Series that were forgotten as there was no room for all. */
  get evicted(): number {
    return this.#reader.evicted
  }

  /** What all of it takes in memory, estimated. */
  get bytes(): number {
    const held = this.#reader.bytes + this.#attributes.bytes
    return this.#tables.reduce((sum, { bytes }) => sum + bytes, held)
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
    const told = this.#attributes.read(direction, point.attributes)
    const self = serviceKey(reporter)
    const series = `${told.key}${self}/${reporter.pod}`
    const before = this.#reader.refused
    const increase = this.#reader.read(reporter, series, point, now)
    if (!increase) return this.#reader.refused === before
    const counts = new Float64Array(BUCKETS)
    rebucket(increase.counts, increase.bounds, counts)
    const fromMs = Math.min(Math.max(increase.fromMs, this.settledUntil), now)
    const count = (table: TrafficTable, key: string) =>
      table.at(key, reporter.namespace, now).add(counts, told, fromMs, now)
    if (direction === 'server') {
      const { source } = told
      for (const key of new Set([self, ...reporter.behind])) {
        count(this.servers, key)
        if (source === '') count(this.edges, pairKey(OUTSIDE, key))
      }
      if (told.denied || source === '' || !this.#mesh.tells(source))
        count(this.arrivals, pairKey(source, self))
      return true
    }
    const { cluster, route } = told
    const destination = this.#destinationOf(told, reporter)
    if (destination !== undefined) {
      count(this.destinations, destination)
      count(this.edges, pairKey(self, destination))
    }
    if (route !== '' && this.#mesh.follows(reporter.namespace, route, cluster))
      count(this.backends, pairKey(route, cluster))
    return true
  }

  /** The Service that was asked for: what the rule hangs on, else that of the cluster. */
  #destinationOf({ destination, route }: Told, { namespace }: Reporter): string | undefined {
    const asked = route === '' ? undefined : this.#mesh.askedBy(namespace, route)
    if (asked !== undefined) return asked
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
