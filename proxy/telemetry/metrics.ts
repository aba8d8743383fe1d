import { formatFlags } from '../exchange/flags.ts'
import type { ConnectionRecord, RequestRecord } from '../exchange/telemetry-sink.ts'

/** Of http.server.request.duration (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/). Seconds. */
export const DURATION_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const
const METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
])
/** Beyond this many, requests are counted under one set with `_OTHER` in every label. */
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
  readonly mtls: boolean
}

/** One label set: a histogram of durations and three counters, in one typed array. */
export class RequestSeries {
  readonly labels: RequestLabels
  readonly values = new Float64Array(WIDTH)
  /** When the set was made: cumulative counters start there. Milliseconds since the epoch. */
  readonly since: number
  usedAt: number

  constructor(labels: RequestLabels, now: number) {
    this.labels = labels
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

export class Metrics {
  readonly requests = new Map<string, RequestSeries>()
  readonly counters = new Map<string, number>()
  readonly active = { outbound: 0, inbound: 0 }

  /** `now` in milliseconds since the epoch. */
  request(record: RequestRecord, now: number): void {
    const method = METHODS.has(record.method) ? record.method : '_OTHER'
    const flags = record.flags === 0 ? '-' : formatFlags(record.flags)
    const mtls = record.sourceIdentity !== '' && record.destinationIdentity !== ''
    const source = record.direction === 'inbound' ? record.sourceIdentity : ''
    const key = `${record.direction}|${method}|${record.status}|${record.route}|${record.cluster}|${source}|${flags}|${mtls}`
    let series = this.requests.get(key)
    if (!series) {
      series = this.#series(key, record, method, flags, mtls, source, now)
    }
    const seconds = record.durationMs / 1000
    let bucket = 0
    while (bucket < DURATION_BUCKETS.length && seconds > (DURATION_BUCKETS[bucket] as number)) bucket++
    const values = series.values
    values[bucket] = (values[bucket] as number) + 1
    values[SUM] = (values[SUM] as number) + seconds
    values[RECEIVED] = (values[RECEIVED] as number) + record.bytesReceived
    values[SENT] = (values[SENT] as number) + record.bytesSent
    if (record.attempts > 1) values[RETRIES] = (values[RETRIES] as number) + record.attempts - 1
    series.usedAt = now
  }

  connection(record: ConnectionRecord): void {
    this.count(`tcp_connections_${record.direction}`)
    this.count(`tcp_received_bytes_${record.direction}`, record.bytesReceived)
    this.count(`tcp_sent_bytes_${record.direction}`, record.bytesSent)
    if (record.flags !== 0) this.count(`tcp_failed_connections_${record.direction}`)
  }

  count(name: string, by = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by)
  }

  /** Drops label sets that nothing was counted in for ten minutes. */
  expire(now: number): void {
    for (const [key, series] of this.requests) if (now - series.usedAt > IDLE_MS) this.requests.delete(key)
  }

  #series(
    key: string,
    record: RequestRecord,
    method: string,
    flags: string,
    mtls: boolean,
    source: string,
    now: number,
  ): RequestSeries {
    if (this.requests.size >= MAX_SERIES) {
      this.count('metrics_overflow')
      const other = this.requests.get('_OTHER')
      if (other) return other
      return this.#add('_OTHER', { ...OTHER, direction: record.direction }, now)
    }
    const labels: RequestLabels = {
      direction: record.direction,
      method,
      status: String(record.status),
      route: record.route,
      cluster: record.cluster,
      service: record.service,
      source,
      flags,
      mtls,
    }
    return this.#add(key, labels, now)
  }

  #add(key: string, labels: RequestLabels, now: number): RequestSeries {
    const series = new RequestSeries(labels, now)
    this.requests.set(key, series)
    return series
  }
}

const OTHER = {
  method: '_OTHER',
  status: '_OTHER',
  route: '_OTHER',
  cluster: '_OTHER',
  service: '_OTHER',
  source: '_OTHER',
  flags: '_OTHER',
  mtls: false,
}
