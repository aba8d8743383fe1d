import { formatFlags } from '../model/response-flag.ts'
import type { ConnectionRecord } from '../exchange/telemetry-sink.ts'

/** How long opaque connections last: from a hundredth of a second to a day. Seconds. */
export const CONNECTION_BOUNDS = [0.01, 0.1, 1, 10, 60, 600, 3600, 21_600, 86_400] as const
/** Beyond this many, connections are counted under one set of their direction with `_OTHER` in every label. */
const MAX_SERIES = 1000

export interface TcpLabels {
  readonly direction: 'outbound' | 'inbound'
  readonly cluster: string
  readonly service: string
  /** Of the other end, verified, or ''. */
  readonly identity: string
  /** As in RequestLabels. */
  readonly peer: string
  /** Undefined: of many. */
  readonly mtls: boolean | undefined
}

/** Connections that ended in one way. */
export interface TcpEnd {
  readonly flags: string
  count: number
}

/** Opaque connections with one peer. */
export class TcpSeries {
  readonly labels: TcpLabels
  readonly since: number
  opened = 0
  receivedBytes = 0
  sentBytes = 0
  sumSeconds = 0
  /** Not cumulative, by CONNECTION_BOUNDS. */
  readonly durations = Array.from({ length: CONNECTION_BOUNDS.length + 1 }, () => 0)
  /** How many are open now. */
  open = 0
  /** By response flags, as a number. */
  readonly ends = new Map<number, TcpEnd>()
  usedAt: number

  constructor(labels: TcpLabels, now: number) {
    this.labels = labels
    this.since = now
    this.usedAt = now
  }
}

/** What is counted of opaque connections, by peer. Few come in a second: sets are found by a key that is made for each. */
export class TcpMetrics {
  readonly series = new Map<string, TcpSeries>()
  readonly #overflow: () => void

  /** `overflow`: told of each connection that fits no set of its own. */
  constructor(overflow: () => void) {
    this.#overflow = overflow
  }

  /** It has reached its endpoint: all that its set is found by is known by now, and does not change. */
  opened(record: ConnectionRecord): void {
    const series = this.#of(record)
    series.opened++
    series.open++
  }

  closed(record: ConnectionRecord): void {
    const series = this.#of(record)
    if (record.opened) series.open--
    const seconds = record.durationMs / 1000
    let bucket = 0
    while (bucket < CONNECTION_BOUNDS.length && seconds > (CONNECTION_BOUNDS[bucket] as number)) bucket++
    series.durations[bucket] = (series.durations[bucket] as number) + 1
    series.sumSeconds += seconds
    series.receivedBytes += record.bytesReceived
    series.sentBytes += record.bytesSent
    const end = series.ends.get(record.flags)
    if (end) end.count++
    else series.ends.set(record.flags, { flags: formatFlags(record.flags), count: 1 })
  }

  /** Drops sets without a connection for so long; one that has some open stays. Milliseconds. */
  expire(now: number, idleMs: number): void {
    for (const [key, series] of this.series) {
      if (series.open > 0) series.usedAt = now
      else if (now - series.usedAt > idleMs) this.series.delete(key)
    }
  }

  #of(record: ConnectionRecord): TcpSeries {
    const { direction, cluster, service, sourceIdentity, destinationIdentity, peer } = record
    const identity = direction === 'inbound' ? sourceIdentity : destinationIdentity
    const mtls = identity !== ''
    const key = [direction, cluster, service, identity, peer].join('\n')
    const known = this.series.get(key)
    if (known) return used(known)
    const full = this.series.size >= MAX_SERIES
    if (!full) return this.#made(key, { direction, cluster, service, identity, peer, mtls })
    this.#overflow()
    const other = this.series.get(direction)
    return other ? used(other) : this.#made(direction, { ...OTHER, direction })
  }

  #made(key: string, labels: TcpLabels): TcpSeries {
    const series = new TcpSeries(labels, Date.now())
    this.series.set(key, series)
    return series
  }
}

function used(series: TcpSeries): TcpSeries {
  series.usedAt = Date.now()
  return series
}

const OTHER = {
  cluster: '_OTHER',
  service: '_OTHER',
  identity: '_OTHER',
  peer: '_OTHER',
  mtls: undefined,
}
