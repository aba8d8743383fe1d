import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { KeyValue, Span, Span_SpanKind, Status_StatusCode } from '../../core/xds/generated/otlp.js'
import { formatFlags } from '../model/response-flag.ts'
import type {
  AuthorizationRecord,
  ConnectionRecord,
  HopSpan,
  RequestRecord,
  TryRecord,
} from '../exchange/telemetry-sink.ts'
import { endpointOf, methodOf, own, receivedBy, requestOf, rpcMethodOf, rpcStatusOf } from './attributes.ts'
import { errorType, failedByServer, failedForClient, type Ending } from './request-failure.ts'
import { integer, text } from './resource.ts'

const KINDS: Partial<Record<SpanKind, Span_SpanKind>> = {
  [SpanKind.SERVER]: 'SPAN_KIND_SERVER',
  [SpanKind.CLIENT]: 'SPAN_KIND_CLIENT',
}
const STATUSES: Record<SpanStatusCode, Status_StatusCode> = {
  [SpanStatusCode.UNSET]: 'STATUS_CODE_UNSET',
  [SpanStatusCode.OK]: 'STATUS_CODE_OK',
  [SpanStatusCode.ERROR]: 'STATUS_CODE_ERROR',
}

/** The conventions by which spans are written; collectors translate by it (https://opentelemetry.io/docs/specs/otel/schemas/). */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.44.0'

/**
 * The spans of one hop, with OpenTelemetry's conventions (https://opentelemetry.io/docs/specs/semconv/http/http-spans/,
 * https://opentelemetry.io/docs/specs/semconv/rpc/grpc/): that of the request, and where it took more than one, one of each try.
 * `requestId`: its x-request-id, or undefined.
 */
export function spansOf(record: RequestRecord, hop: HopSpan, requestId: string | undefined): Span[] {
  const tries = severalTries(record)
  const spans = [hopSpan(record, hop, tries ? hop.manySpanId : hop.spanId, requestId)]
  for (const [i, one] of tries?.entries() ?? []) spans.push(trySpanOf(record, hop, one, i))
  return spans
}

/** Of a copy of the request. */
export function mirrorSpanOf(record: RequestRecord, hop: HopSpan, copy: TryRecord): Span {
  return trySpanOf(record, hop, copy, 0)
}

/** With one try the request's span is that of the try. */
function severalTries({ attempts, tries }: RequestRecord): readonly TryRecord[] | undefined {
  return attempts > 1 ? tries : undefined
}

function hopSpan(record: RequestRecord, hop: HopSpan, spanId: string, requestId: string | undefined): Span {
  const server = record.direction === 'inbound'
  const failed = server ? failedByServer(record) : failedForClient(record)
  return {
    ...placeOf(hop, spanId, hop.parentSpanId, record),
    name: nameOf(record),
    kind: kindOf(server ? SpanKind.SERVER : SpanKind.CLIENT),
    attributes: [
      ...requestOf(record),
      ...receivedBy(record),
      ...endpointOf(record, record.direction === 'outbound'),
      ...outcomeOf(record, failed),
      integer('http.request.body.size', record.bytesReceived),
      integer('http.response.body.size', record.bytesSent),
      ...(record.attempts > 1 ? [integer('http.request.resend_count', record.attempts - 1)] : []),
      ...(record.route === '' ? [] : [own('weft.route', record.route)]),
      own('weft.config_version', record.configVersion),
      ...(requestId === undefined ? [] : [own('weft.request_id', requestId)]),
      ...(hop.kept === undefined ? [] : [own('weft.kept', hop.kept)]),
      ...identitiesOf(record, server ? record.sourceIdentity : record.destinationIdentity),
      ...decisionOf(record),
    ],
    status: statusOf(failed),
  }
}

function trySpanOf(record: RequestRecord, hop: HopSpan, one: TryRecord, resends: number): Span {
  const end = { status: one.status, grpcStatus: one.grpcStatus, flags: one.flags, method: record.method }
  // Nobody waits for the rest of one that was given up.
  const failed = one.details !== 'given_up' && failedForClient(end)
  return {
    ...placeOf(hop, one.spanId, severalTries(record) ? hop.manySpanId : hop.spanId, one),
    name: nameOf({ ...record, direction: 'outbound' }),
    kind: kindOf(SpanKind.CLIENT),
    attributes: [
      ...requestOf({ ...record, direction: 'outbound' }),
      ...endpointOf(one, true),
      ...outcomeOf({ ...record, ...end, details: one.details }, failed),
      ...(resends === 0 ? [] : [integer('http.request.resend_count', resends)]),
      own('weft.try', one.kind),
      ...(one.identity === '' ? [] : [own('weft.peer.identity', one.identity)]),
    ],
    status: statusOf(failed),
  }
}

/** Of a connection without requests, which has one where it was refused, or would be. */
export function connectionSpanOf(record: ConnectionRecord, hop: HopSpan): Span {
  const { cluster, details, direction, flags, serverName } = record
  return {
    ...placeOf(hop, hop.spanId, '', record),
    name: 'tcp',
    kind: kindOf(direction === 'inbound' ? SpanKind.SERVER : SpanKind.CLIENT),
    attributes: [
      text('network.transport', 'tcp'),
      ...receivedBy(record),
      own('weft.response_flags', formatFlags(flags)),
      own('weft.details', details),
      ...decisionOf(record),
      ...(cluster === '' ? [] : [own('weft.backend', cluster)]),
      ...(serverName === '' ? [] : [text('tls.client.server_name', serverName)]),
      ...identitiesOf(record, direction === 'inbound' ? record.sourceIdentity : record.destinationIdentity),
    ],
    status: statusOf(false),
  }
}

function placeOf(
  { traceId, traceState, kept }: HopSpan,
  spanId: string,
  parentSpanId: string,
  { startMs, durationMs }: Pick<RequestRecord, 'startMs' | 'durationMs'>,
) {
  return {
    traceId: Buffer.from(traceId, 'hex'),
    spanId: Buffer.from(spanId, 'hex'),
    parentSpanId: parentSpanId === '' ? new Uint8Array(0) : Buffer.from(parentSpanId, 'hex'),
    traceState,
    flags: kept === undefined ? TraceFlags.SAMPLED : TraceFlags.NONE,
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(startMs + durationMs),
  }
}

/** `{method} {template}`, of a template alone; of a gRPC call its method. */
function nameOf(record: RequestRecord): string {
  if (record.grpc) {
    const method = rpcMethodOf(record)
    return method === '_OTHER' ? 'grpc' : method
  }
  const known = methodOf(record.method)
  const method = known === '_OTHER' ? 'HTTP' : known
  return record.template === '' ? method : `${method} ${record.template}`
}

function outcomeOf(record: Ending & Pick<RequestRecord, 'details'>, failed: boolean): KeyValue[] {
  return [
    ...(record.status === 0 ? [] : [integer('http.response.status_code', record.status)]),
    ...rpcStatusOf(record.grpcStatus),
    ...(failed ? [text('error.type', errorType(record))] : []),
    own('weft.response_flags', formatFlags(record.flags)),
    own('weft.details', record.details),
  ]
}

/** What was decided on who may; of whom and what stands in every span. */
function decisionOf({ decision, policy, reference }: AuthorizationRecord): KeyValue[] {
  if (decision === '') return []
  return [
    own('weft.policy', policy),
    own('weft.policy.decision', decision),
    ...(reference === '' ? [] : [own('weft.policy.reference', reference)]),
  ]
}

function identitiesOf(
  { sourceIdentity, destinationIdentity }: Pick<RequestRecord, 'sourceIdentity' | 'destinationIdentity'>,
  peer: string,
): KeyValue[] {
  return [
    ...(peer === '' ? [] : [own('weft.peer.identity', peer)]),
    ...(sourceIdentity === '' ? [] : [own('weft.source_identity', sourceIdentity)]),
    ...(destinationIdentity === '' ? [] : [own('weft.destination_identity', destinationIdentity)]),
  ]
}

function kindOf(kind: SpanKind): Span_SpanKind {
  return KINDS[kind] ?? 'SPAN_KIND_INTERNAL'
}

function statusOf(failed: boolean): { code: Status_StatusCode } {
  return { code: STATUSES[failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET] }
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n
}
