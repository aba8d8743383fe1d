import type { CounterName } from '../model/counters.ts'
import { formatFlags } from '../model/response-flag.ts'
import type { ConnectionRecord, HopSpan, RequestRecord } from '../exchange/telemetry-sink.ts'
import { DecisionCounts } from './decision-counts.ts'
import { RequestSeries, type RequestLabels } from './request-series.ts'
import { MOST_RPC_METHODS, RpcMethods } from './rpc-methods.ts'
import { TcpMetrics } from './tcp-metrics.ts'

/** Methods that are told by name, numbered from 1; 0 is every other. */
const METHODS: ReadonlyMap<string, number> = new Map(
  ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY'].map((name, i) => [
    name,
    i + 1,
  ]),
)
const MAX_GRPC_STATUS = 16
/** 0: no gRPC; 1: gRPC without a status; 2 and on: its status. */
const GRPC_OUTCOMES = MAX_GRPC_STATUS + 3
/** Beyond this many, requests of a direction are counted under one set with `_OTHER` in every label. */
const MAX_SERIES = 2000
/** Workloads that one identity may say it is; what it says beyond them is not told. */
const MOST_PEERS = 64
const IDLE_MS = 10 * 60_000

/** The labels that are numbers or of a small known set, as one number: below 2^53, so that it is exact. */
function numericKey(record: RequestRecord, method: number, mtls: boolean, rpcMethod: number): number {
  const status = record.status & 1023
  const known = record.grpcStatus >= 0 && record.grpcStatus <= MAX_GRPC_STATUS
  const grpc = known ? record.grpcStatus + 2 : record.grpc ? 1 : 0
  const outcome = (record.flags * 1024 + status) * GRPC_OUTCOMES + grpc
  const asked = (outcome * (METHODS.size + 1) + method) * (MOST_RPC_METHODS + 1) + rpcMethod
  const how = (mtls ? 1 : 0) + (record.direction === 'inbound' ? 2 : 0) + (record.scheme === 'https' ? 4 : 0)
  // No table: one by names costs a lookup that no request shares with the next.
  const protocol = record.protocol === 'HTTP/2' ? 2 : record.protocol === 'HTTP/1.1' ? 1 : 0
  return (asked * 3 + protocol) * 8 + how
}

type ByOutcome = Map<number, RequestSeries>
type ByPeer = Map<string, ByOutcome>
type ByIdentity = Map<string, ByPeer>
type ByCluster = Map<string, ByIdentity>

export class Metrics {
  readonly requests = new Set<RequestSeries>()
  readonly tcp = new TcpMetrics(() => this.count('metrics_overflow'))
  readonly counters = new Map<CounterName, number>()
  readonly decisions = new DecisionCounts()
  readonly active = { outbound: 0, inbound: 0 }
  /** When counting began. Milliseconds since the epoch. */
  readonly since = Date.now()
  // By route, cluster, who the other end is, and outcome: a request finds its set without making a string.
  #index = new Map<string, ByCluster>()
  readonly #rpcMethods = new RpcMethods()
  readonly #other: Partial<Record<RequestRecord['direction'], RequestSeries>> = {}
  #native = false

  /** `span`: what is exported of it, of which its series then has an exemplar. */
  request(record: RequestRecord, span: HopSpan | undefined = record.span): void {
    const method = METHODS.get(record.method) ?? 0
    const mtls = record.sourceIdentity !== '' && record.destinationIdentity !== ''
    const rpcMethod = record.grpc ? this.#rpcMethods.numberOf(record) : 0
    const identity = record.direction === 'inbound' ? record.sourceIdentity : record.destinationIdentity
    const key = numericKey(record, method, mtls, rpcMethod)
    const series =
      this.#index.get(record.route)?.get(record.cluster)?.get(identity)?.get(record.peer)?.get(key) ??
      this.#series(key, record, mtls, identity, rpcMethod)
    const seconds = record.durationMs / 1000
    const resends = record.attempts > 1 ? record.attempts - 1 : 0
    const bucket = series.add(seconds, record.bytesReceived, record.bytesSent, resends)
    if (!span) return
    series.exemplars ??= []
    series.exemplars[bucket] = {
      value: seconds,
      atMs: record.startMs + record.durationMs,
      traceId: span.traceId,
      spanId: record.attempts > 1 ? span.manySpanId : span.spanId,
    }
  }

  connection(record: ConnectionRecord): void {
    this.tcp.closed(record)
  }

  count(name: CounterName, by = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by)
  }

  /** Somebody asks for native histograms: they are counted from now on. */
  countNative(): void {
    if (this.#native) return
    this.#native = true
    for (const series of this.requests) series.countNative()
  }

  /** Drops label sets that nothing was counted in for ten minutes. Called every few seconds. */
  expire(now: number): void {
    this.tcp.expire(now, IDLE_MS)
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

  #series(
    key: number,
    record: RequestRecord,
    mtls: boolean,
    identity: string,
    rpcMethod: number,
  ): RequestSeries {
    const peers = this.#index.get(record.route)?.get(record.cluster)?.get(identity)
    if (record.peer !== '' && peers && peers.size >= MOST_PEERS && !peers.has(record.peer)) {
      const known = peers.get('')?.get(key)
      return known ?? this.#series(key, { ...record, peer: '' }, mtls, identity, rpcMethod)
    }
    if (this.requests.size >= MAX_SERIES) {
      this.count('metrics_overflow')
      const other = this.#other[record.direction]
      if (other && this.requests.has(other)) return other
      return (this.#other[record.direction] = this.#made(
        { ...OTHER, direction: record.direction },
        undefined,
      ))
    }
    const grpc = record.grpc || record.grpcStatus >= 0
    const labels: RequestLabels = {
      direction: record.direction,
      method: METHODS.has(record.method) ? record.method : '_OTHER',
      scheme: record.scheme === 'https' ? 'https' : 'http',
      protocol: record.protocol.replace('HTTP/', ''),
      status: String(record.status),
      route: record.route,
      cluster: record.cluster,
      service: record.service,
      identity,
      peer: record.peer,
      flags: formatFlags(record.flags),
      mtls,
      rpc: grpc ? { method: this.#rpcMethods.nameOf(rpcMethod), status: record.grpcStatus } : undefined,
    }
    const series = this.#made(labels, key)
    this.#put(series)
    return series
  }

  #made(labels: RequestLabels, key: number | undefined): RequestSeries {
    const series = new RequestSeries(labels, key, Date.now())
    if (this.#native) series.countNative()
    this.requests.add(series)
    return series
  }

  #put(series: RequestSeries): void {
    if (series.key === undefined) return
    const { route, cluster, identity, peer } = series.labels
    const clusters = at(this.#index, route, () => new Map<string, ByIdentity>())
    const identities = at(clusters, cluster, () => new Map<string, ByPeer>())
    const peers = at(identities, identity, () => new Map<string, ByOutcome>())
    at(peers, peer, () => new Map<number, RequestSeries>()).set(series.key, series)
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
  scheme: '_OTHER',
  protocol: '_OTHER',
  status: '_OTHER',
  route: '_OTHER',
  cluster: '_OTHER',
  service: '_OTHER',
  identity: '_OTHER',
  peer: '_OTHER',
  flags: '_OTHER',
  mtls: undefined,
  rpc: undefined,
} as const
