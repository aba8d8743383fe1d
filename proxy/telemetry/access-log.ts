import { formatFlags } from '../model/response-flag.ts'
import type { AuthorizationRecord, ConnectionRecord, RequestRecord } from '../exchange/telemetry-sink.ts'
import type { RequestHead } from '../http/message.ts'
import { requestIdOf } from './attributes.ts'
import type { ResourceAttributes } from './resource.ts'
import { readTrace } from './trace-context.ts'

export type AccessLogMode = 'off' | 'errors' | 'all'

const FLUSH_MS = 200
const MAX_BUFFERED_BYTES = 1024 * 1024

/** One JSON object a line; a request's query never stands in it. Lines leave in batches and never hold a request up. */
export class AccessLog {
  readonly #mode: AccessLogMode
  readonly #write: (text: string) => void
  /** On every line: lines of many pods meet in one place. */
  readonly #service: { readonly service_name?: string; readonly service_namespace?: string }
  #lines = ''
  #dropped = 0
  #timer: NodeJS.Timeout | undefined

  constructor(mode: AccessLogMode, write: (text: string) => void, resource: ResourceAttributes) {
    this.#mode = mode
    this.#write = write
    const name = resource.get('service.name')
    const namespace = resource.get('service.namespace')
    this.#service = {
      ...(name === undefined ? {} : { service_name: name }),
      ...(namespace === undefined ? {} : { service_namespace: namespace }),
    }
  }

  request(record: RequestRecord, head: RequestHead): void {
    const ordinary = record.flags === 0 && record.status > 0 && record.status < 500
    if (this.#leavesOut(record, ordinary)) return
    this.#add({
      time: new Date(record.startMs).toISOString(),
      direction: record.direction,
      method: record.method,
      authority: record.authority,
      path: record.path.split('?', 1)[0],
      protocol: record.protocol,
      status: record.status,
      ...(record.grpcStatus >= 0 ? { grpc_status: record.grpcStatus } : {}),
      flags: formatFlags(record.flags),
      details: record.details,
      duration_ms: Math.round(record.durationMs * 1000) / 1000,
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
      ...correlationOf(record, head),
      ...decided(record),
      ...this.#service,
    })
  }

  connection(record: ConnectionRecord): void {
    if (this.#leavesOut(record, record.flags === 0)) return
    this.#add({
      time: new Date(record.startMs).toISOString(),
      direction: record.direction,
      protocol: 'TCP',
      flags: formatFlags(record.flags),
      details: record.details,
      duration_ms: Math.round(record.durationMs * 1000) / 1000,
      bytes_received: record.bytesReceived,
      bytes_sent: record.bytesSent,
      cluster: record.cluster,
      upstream: record.upstream,
      downstream: record.downstream,
      source: record.sourceIdentity,
      destination: record.destinationIdentity,
      ...(record.serverName === '' ? {} : { sni: record.serverName }),
      ...decided(record),
      ...this.#service,
    })
  }

  /** `ordinary`: nothing went wrong with it. What authorization wants logged always is. */
  #leavesOut({ logged, decision }: AuthorizationRecord, ordinary: boolean): boolean {
    if (logged) return false
    return this.#mode === 'off' || (this.#mode === 'errors' && ordinary && decision !== 'dry-run-denied')
  }

  flush(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#dropped > 0) this.#lines += JSON.stringify({ dropped_lines: this.#dropped }) + '\n'
    this.#dropped = 0
    if (this.#lines !== '') this.#write(this.#lines)
    this.#lines = ''
  }

  #add(line: object): void {
    if (this.#lines.length > MAX_BUFFERED_BYTES) {
      this.#dropped++
      return
    }
    this.#lines += JSON.stringify(line) + '\n'
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS).unref()
  }
}

/** What joins the line with the spans of the request, sampled or not, and with the lines of other hops. */
function correlationOf(record: RequestRecord, head: RequestHead): object {
  const requestId = requestIdOf(head)
  const traceId = record.span?.traceId ?? (record.trace === 'none' ? '' : readTrace(head)?.traceId)
  return {
    ...(requestId === undefined ? {} : { request_id: requestId }),
    ...(traceId ? { trace_id: traceId } : {}),
  }
}

function decided({ policy, decision, reference }: AuthorizationRecord): object {
  if (decision === '') return {}
  return { policy, decision, ...(reference === '' ? {} : { reference }) }
}
