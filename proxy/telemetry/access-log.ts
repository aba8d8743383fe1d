import { logFilterTakes, type LogFilter } from '../../core/log-filter.ts'
import type { LogMode, RouteLogSettings } from '../../core/telemetry-settings.ts'
import { formatFlags } from '../model/response-flag.ts'
import type {
  AuthorizationRecord,
  ConnectionRecord,
  HopSpan,
  RequestRecord,
} from '../exchange/telemetry-sink.ts'
import type { RequestHead } from '../http/message.ts'
import { requestIdOf } from './attributes.ts'
import type { ResourceAttributes } from './resource.ts'
import { readTrace } from './trace-context.ts'

export interface LogSettings {
  readonly mode: LogMode
  /** Undefined: all that the mode names. */
  readonly filter: LogFilter | undefined
  /** Of those that did not fail, the share that is written; 0 to 1. */
  readonly sampling: number
}

/** One request or connection. Values are what the line says; what is undefined is left out of it. */
export type LogLine = Readonly<Record<string, string | number | undefined>>

export interface AccessLogOptions {
  readonly settings: LogSettings
  readonly write: (text: string) => void
  readonly resource: ResourceAttributes
  readonly random: () => number
  /** Hears of each line that is written, too: milliseconds since the epoch when what it tells of ended, and whether that failed. */
  readonly told: (line: LogLine, endedMs: number, failed: boolean) => void
}

const FLUSH_MS = 200
const MAX_BUFFERED_BYTES = 1024 * 1024

/** One JSON object a line; a request's query never stands in it. Lines leave in batches and never hold a request up. */
export class AccessLog {
  /** May change at any time. */
  settings: LogSettings
  readonly #options: AccessLogOptions
  /** On every line: lines of many pods meet in one place. */
  readonly #service: {
    readonly service_name: string | undefined
    readonly service_namespace: string | undefined
  }
  #lines = ''
  #dropped = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: AccessLogOptions) {
    this.settings = options.settings
    this.#options = options
    const { resource } = options
    this.#service = {
      service_name: resource.get('service.name'),
      service_namespace: resource.get('service.namespace'),
    }
  }

  request(record: RequestRecord, head: RequestHead): void {
    const ordinary = record.flags === 0 && record.status > 0 && record.status < 500
    const route = record.accessLog
    const mode = route?.['access-log'] ?? this.settings.mode
    if (this.#leavesOut(record, ordinary, mode)) return
    if (!record.logged && mode === 'all' && ordinary && this.#sampledOut(record, head, route)) return
    if (!record.logged && filteredOut(record, route?.['access-log-filter'] ?? this.settings.filter)) return
    this.#add(
      {
        time: new Date(record.startMs).toISOString(),
        direction: record.direction,
        method: record.method,
        authority: record.authority,
        path: record.path.split('?', 1)[0],
        protocol: record.protocol,
        status: record.status,
        grpc_status: record.grpcStatus < 0 ? undefined : record.grpcStatus,
        flags: formatFlags(record.flags),
        details: record.details,
        duration_ms: rounded(record.durationMs),
        bytes_received: record.bytesReceived,
        bytes_sent: record.bytesSent,
        route: record.route,
        cluster: record.cluster,
        upstream: record.upstream,
        workload: record.upstreamWorkload,
        downstream: record.downstream,
        source: record.sourceIdentity,
        destination: record.destinationIdentity,
        attempts: record.attempts,
        config: record.configVersion,
        request_id: requestIdOf(head),
        // Of a trace that is not sampled, too.
        trace_id: traceIdOf(record, head),
        span_id: record.span && spanIdOf(record, record.span),
        ...decided(record),
        ...this.#service,
      },
      record.startMs + record.durationMs,
      !ordinary,
    )
  }

  connection(record: ConnectionRecord): void {
    const ordinary = record.flags === 0
    if (this.#leavesOut(record, ordinary, this.settings.mode)) return
    const { sampling } = this.settings
    const kept = record.logged || !ordinary || record.decision === 'dry-run-denied'
    if (!kept && sampling < 1 && this.#options.random() >= sampling) return
    this.#add(
      {
        time: new Date(record.startMs).toISOString(),
        direction: record.direction,
        protocol: 'TCP',
        flags: formatFlags(record.flags),
        details: record.details,
        duration_ms: rounded(record.durationMs),
        bytes_received: record.bytesReceived,
        bytes_sent: record.bytesSent,
        cluster: record.cluster,
        upstream: record.upstream,
        downstream: record.downstream,
        source: record.sourceIdentity,
        destination: record.destinationIdentity,
        sni: record.serverName === '' ? undefined : record.serverName,
        ...decided(record),
        ...this.#service,
      },
      record.startMs + record.durationMs,
      record.flags !== 0,
    )
  }

  /** `ordinary`: nothing went wrong with it. What authorization wants logged always is. */
  #leavesOut({ logged, decision }: AuthorizationRecord, ordinary: boolean, mode: LogMode): boolean {
    if (logged) return false
    if (mode === 'off') return true
    return mode === 'failed' && ordinary && decision !== 'dry-run-denied'
  }

  /** By its trace where it has one: all hops that keep the same share keep the same requests. */
  #sampledOut(record: RequestRecord, head: RequestHead, route: RouteLogSettings | undefined): boolean {
    const sampling = route?.['access-log-sampling'] ?? this.settings.sampling
    if (sampling >= 1 || record.decision === 'dry-run-denied') return false
    const traceId = traceIdOf(record, head)
    const drawn = traceId === undefined ? this.#options.random() : shareOf(traceId)
    return drawn >= sampling
  }

  flush(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#dropped > 0) this.#lines += JSON.stringify({ dropped_lines: this.#dropped }) + '\n'
    this.#dropped = 0
    if (this.#lines !== '') this.#options.write(this.#lines)
    this.#lines = ''
  }

  #add(line: LogLine, endedMs: number, failed: boolean): void {
    this.#options.told(line, endedMs, failed)
    if (this.#lines.length > MAX_BUFFERED_BYTES) {
      this.#dropped++
      return
    }
    this.#lines += JSON.stringify(line) + '\n'
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS).unref()
  }
}

function filteredOut(
  { status, durationMs, flags, method, grpcStatus }: RequestRecord,
  filter: LogFilter | undefined,
): boolean {
  if (!filter) return false
  const letters = flags === 0 ? [] : formatFlags(flags).split(',')
  return !logFilterTakes(filter, { status, durationMs, flags: letters, method, grpcStatus })
}

/** Of a trace that is not sampled, too. */
function traceIdOf({ span, trace }: RequestRecord, head: RequestHead): string | undefined {
  return span?.traceId ?? (trace === 'none' ? undefined : readTrace(head)?.traceId)
}

/** From 0 to 1, by the last 32 bits, which are random (W3C Trace Context level 2, section 3.2.2.5). */
function shareOf(traceId: string): number {
  return Number.parseInt(traceId.slice(-8), 16) / 0x1_0000_0000
}

/** That of the hop, as its span has it. */
function spanIdOf({ attempts }: RequestRecord, { manySpanId, spanId }: HopSpan): string {
  return attempts > 1 ? manySpanId : spanId
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

function decided({ policy, decision, reference }: AuthorizationRecord): LogLine {
  if (decision === '') return {}
  return { policy, decision, reference: reference === '' ? undefined : reference }
}
