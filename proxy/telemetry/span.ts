import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { KeyValue, Span, Span_SpanKind, Status_StatusCode } from '../../core/xds/generated/otlp.js'
import { BROKEN_OFF, formatFlags } from '../model/response-flag.ts'
import type {
  AuthorizationRecord,
  ConnectionRecord,
  HopSpan,
  RequestRecord,
} from '../exchange/telemetry-sink.ts'
import { parseDestination } from '../transport/original-destination.ts'
import { integer, text } from './resource.ts'

// Characters of a text that a caller chose. Thousands of spans may wait for a collector.
const LONGEST_TEXT = 1024
const LONGEST_USER_AGENT = 256

const KINDS: Partial<Record<SpanKind, Span_SpanKind>> = {
  [SpanKind.SERVER]: 'SPAN_KIND_SERVER',
  [SpanKind.CLIENT]: 'SPAN_KIND_CLIENT',
}
const STATUSES: Record<SpanStatusCode, Status_StatusCode> = {
  [SpanStatusCode.UNSET]: 'STATUS_CODE_UNSET',
  [SpanStatusCode.OK]: 'STATUS_CODE_OK',
  [SpanStatusCode.ERROR]: 'STATUS_CODE_ERROR',
}

/**
 * The span of one hop, with OpenTelemetry's HTTP conventions
 * (https://opentelemetry.io/docs/specs/semconv/http/http-spans/); what they lack is named `weft.*`.
 */
export function spanOf(record: RequestRecord, hop: HopSpan): Span {
  const kind = record.direction === 'inbound' ? SpanKind.SERVER : SpanKind.CLIENT
  const failed =
    record.status === 0 ||
    record.status >= (kind === SpanKind.SERVER ? 500 : 400) ||
    record.grpcStatus > 0 ||
    brokenOff(record)
  const method = record.method === 'HTTP' ? '_OTHER' : record.method
  return {
    traceId: Buffer.from(hop.traceId, 'hex'),
    spanId: Buffer.from(hop.spanId, 'hex'),
    parentSpanId: hop.parentSpanId === '' ? new Uint8Array(0) : Buffer.from(hop.parentSpanId, 'hex'),
    traceState: hop.traceState,
    flags: TraceFlags.SAMPLED,
    name: record.route === '' ? method : `${method} ${record.route}`,
    ...(KINDS[kind] === undefined ? {} : { kind: KINDS[kind] }),
    startTimeUnixNano: nanoseconds(record.startMs),
    endTimeUnixNano: nanoseconds(record.startMs + record.durationMs),
    attributes: attributesOf(record, method, failed),
    status: { code: STATUSES[failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET] },
  }
}

/** Of a connection without requests, which has one where it was refused, or would be. */
export function connectionSpanOf(record: ConnectionRecord, hop: HopSpan): Span {
  const { durationMs, flags, serverName, startMs } = record
  return {
    traceId: Buffer.from(hop.traceId, 'hex'),
    spanId: Buffer.from(hop.spanId, 'hex'),
    parentSpanId: new Uint8Array(0),
    flags: TraceFlags.SAMPLED,
    name: 'tcp',
    kind: record.direction === 'inbound' ? 'SPAN_KIND_SERVER' : 'SPAN_KIND_CLIENT',
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(startMs + durationMs),
    attributes: [
      text('network.transport', 'tcp'),
      text('weft.response_flags', formatFlags(flags)),
      text('weft.details', record.details),
      ...authorizationOf(record),
      ...(record.cluster === '' ? [] : [text('weft.cluster', record.cluster)]),
      ...(serverName === '' ? [] : [asked('tls.client.server_name', serverName)]),
      ...identitiesOf(record),
    ],
    status: { code: 'STATUS_CODE_UNSET' },
  }
}

/** What was decided, and of whom and what, which everybody else's spans leave out. */
function authorizationOf(record: AuthorizationRecord & Ends): KeyValue[] {
  const { decision, destinationAddress, destinationPort, downstream, policy, reference } = record
  if (decision === '') return []
  return [
    text('weft.policy', policy),
    text('weft.policy.decision', decision),
    ...(reference === '' ? [] : [text('weft.policy.reference', reference)]),
    text('client.address', parseDestination(downstream).host),
    text('network.local.address', destinationAddress),
    integer('network.local.port', destinationPort),
  ]
}

type Ends = Pick<
  ConnectionRecord,
  'downstream' | 'destinationAddress' | 'destinationPort' | 'sourceIdentity' | 'destinationIdentity'
>

function identitiesOf({ sourceIdentity, destinationIdentity }: Ends): KeyValue[] {
  return [
    ...(sourceIdentity === '' ? [] : [text('weft.source_identity', sourceIdentity)]),
    ...(destinationIdentity === '' ? [] : [text('weft.destination_identity', destinationIdentity)]),
  ]
}

function attributesOf(record: RequestRecord, method: string, failed: boolean): KeyValue[] {
  const [path = '', query] = record.path.split('?', 2)
  const attributes = [
    text('http.request.method', method),
    text('url.scheme', record.scheme),
    asked('url.path', path),
    ...addressOf('server', record.authority),
    text('http.route', record.route),
    integer('http.response.status_code', record.status),
    text('network.protocol.version', record.protocol.slice(5)),
    text('weft.response_flags', formatFlags(record.flags)),
    text('weft.details', record.details),
    text('weft.config_version', record.configVersion),
    integer('http.request.body.size', record.bytesReceived),
    integer('http.response.body.size', record.bytesSent),
  ]
  // The query may hold what nobody wants in a trace store: only that there is one is told.
  if (query !== undefined) attributes.push(text('url.query', '[redacted]'))
  if (record.userAgent !== '')
    attributes.push(asked('user_agent.original', record.userAgent, LONGEST_USER_AGENT))
  if (record.grpcStatus >= 0) attributes.push(...rpcOf(path, record.grpcStatus))
  if (record.attempts > 1) attributes.push(integer('http.request.resend_count', record.attempts - 1))
  if (failed) attributes.push(text('error.type', errorType(record)))
  if (record.upstream !== '') attributes.push(...addressOf('network.peer', record.upstream))
  if (record.upstreamWorkload !== '') attributes.push(text('weft.upstream_workload', record.upstreamWorkload))
  if (record.cluster !== '') attributes.push(text('weft.cluster', record.cluster))
  attributes.push(...identitiesOf(record), ...authorizationOf(record))
  return attributes
}

/**
 * The answer ended before it was whole, and not by its caller: whom that leaves, as a download that a person stops does, has
 * an error neither here nor in Envoy's spans. What becomes of an accepted upgrade is not ours to judge.
 */
function brokenOff({ flags, method, status }: RequestRecord): boolean {
  return (flags & BROKEN_OFF) !== 0 && status !== 101 && method !== 'CONNECT'
}

function errorType(record: RequestRecord): string {
  if (record.status === 0) return 'cancelled'
  return record.status < 400 && brokenOff(record) ? formatFlags(record.flags) : String(record.status)
}

/** An attribute from a request, cut to `longest`; a string of its own, as a slice would keep the whole head alive. */
function asked(key: string, value: string, longest = LONGEST_TEXT): KeyValue {
  return text(key, Buffer.from(value.slice(0, longest), 'latin1').toString('latin1'))
}

/** `<prefix>.address` and `<prefix>.port` of `host`, `host:port` or `[v6]:port`. */
function addressOf(prefix: string, authority: string): KeyValue[] {
  const [, host = authority, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(authority) ?? []
  const address = asked(`${prefix}.address`, host.replace(/^\[(.*)\]$/, '$1'))
  return port === undefined ? [address] : [address, integer(`${prefix}.port`, Number(port))]
}

/** https://opentelemetry.io/docs/specs/semconv/rpc/grpc/: the path is `/package.Service/Method`. */
function rpcOf(path: string, status: number): KeyValue[] {
  const [, service = '', method = ''] = /^\/([^/]+)\/([^/]+)$/.exec(path) ?? []
  const attributes = [text('rpc.system', 'grpc'), integer('rpc.grpc.status_code', status)]
  if (method !== '') attributes.push(asked('rpc.service', service), asked('rpc.method', method))
  return attributes
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n
}
