import type { KeyValue, LogRecord } from '../../core/xds/generated/otlp.js'
import type { LogLine } from './access-log.ts'
import { LONGEST_TEXT } from './attributes.ts'
import { integer, text } from './resource.ts'

const EVENT = 'weft.access'
/** Names of the lines that the conventions have words for; all others are told as `weft.log.` and their name. */
const NAMES: Readonly<Record<string, string>> = {
  method: 'http.request.method',
  path: 'url.path',
  status: 'http.response.status_code',
  bytes_received: 'http.request.body.size',
  bytes_sent: 'http.response.body.size',
  route: 'weft.route',
  cluster: 'weft.backend',
  upstream: 'weft.endpoint',
  workload: 'weft.upstream_workload',
  source: 'weft.source_identity',
  destination: 'weft.destination_identity',
  flags: 'weft.response_flags',
  details: 'weft.details',
  config: 'weft.config_version',
  request_id: 'weft.request_id',
  policy: 'weft.policy',
  decision: 'weft.policy.decision',
  reference: 'weft.policy.reference',
  sni: 'tls.client.server_name',
}
/** Fields of the record itself, and of its resource. */
const ELSEWHERE = new Set(['time', 'trace_id', 'span_id', 'service_name', 'service_namespace'])

/** A line of the access log as a log record of OTLP (https://opentelemetry.io/docs/specs/otel/logs/data-model/). */
export function logRecordOf(line: LogLine, endedMs: number, failed: boolean): LogRecord {
  const { method, path, protocol, span_id: spanId, status, trace_id: traceId } = line
  const attributes: KeyValue[] = []
  for (const [name, value] of Object.entries(line)) {
    if (value === undefined || value === '' || ELSEWHERE.has(name)) continue
    const key = NAMES[name] ?? `weft.log.${name}`
    if (typeof value === 'string') attributes.push(text(key, ownText(value)))
    else if (Number.isInteger(value)) attributes.push(integer(key, value))
    else attributes.push({ key, value: { doubleValue: value } })
  }
  const time = BigInt(Math.round(endedMs * 1000)) * 1000n
  return {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: failed ? 'SEVERITY_NUMBER_WARN' : 'SEVERITY_NUMBER_INFO',
    severityText: failed ? 'WARN' : 'INFO',
    eventName: EVENT,
    body: { stringValue: method === undefined ? `${protocol}` : `${method} ${path} ${status}` },
    attributes,
    ...(typeof traceId === 'string' && traceId !== '' ? { traceId: Buffer.from(traceId, 'hex') } : {}),
    ...(typeof spanId === 'string' ? { spanId: Buffer.from(spanId, 'hex'), flags: 1 } : {}),
  }
}

/** Cut, and a string of its own: a slice would keep the whole head alive, as long as records wait for a collector. */
function ownText(value: string): string {
  return Buffer.from(value.slice(0, LONGEST_TEXT), 'latin1').toString('latin1')
}
