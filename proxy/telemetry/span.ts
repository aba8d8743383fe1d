import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import { formatFlags } from '../model/response-flag.ts'
import type {
  AuthorizationRecord,
  ConnectionRecord,
  HopSpan,
  RequestRecord,
  TryRecord,
} from '../exchange/telemetry-sink.ts'
import {
  asked,
  endpointOf,
  methodOf,
  own,
  receivedBy,
  requestOf,
  rpcMethodOf,
  rpcStatusOf,
} from './attributes.ts'
import { errorType, failedByServer, failedForClient, type Ending } from './request-failure.ts'
import { SpanBytes, type AttributeSink, type SpanPlace } from './span-bytes.ts'

/** The API's numbers are not those of the wire, where 0 is "unspecified" and 1 "internal" (trace.proto, Span.SpanKind). */
const onWire = (kind: SpanKind): number => kind + 1

/** The conventions by which spans are written; collectors translate by it (https://opentelemetry.io/docs/specs/otel/schemas/). */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.44.0'

/**
 * Writes spans with OpenTelemetry's conventions (https://opentelemetry.io/docs/specs/semconv/http/http-spans/,
 * https://opentelemetry.io/docs/specs/semconv/rpc/grpc/). Each comes as the field `spans` of a ScopeSpans of OTLP.
 */
export class SpanWriter {
  readonly #out = new SpanBytes()

  /** Those of one hop: of the request, and where it took more than one, of each try. `requestId`: its x-request-id, or undefined. */
  request(record: RequestRecord, hop: HopSpan, requestId: string | undefined): Uint8Array[] {
    const tries = severalTries(record)
    const spans = [this.#hop(record, hop, tries ? hop.manySpanId : hop.spanId, requestId)]
    if (tries) for (const [i, one] of tries.entries()) spans.push(this.#try(record, hop, one, i))
    return spans
  }

  /** Of a copy of the request. */
  mirror(record: RequestRecord, hop: HopSpan, copy: TryRecord): Uint8Array {
    return this.#try(record, hop, copy, 0)
  }

  /** Of a connection without requests, which has one where it was refused, or would be. */
  connection(record: ConnectionRecord, hop: HopSpan): Uint8Array {
    const { cluster, details, direction, flags, serverName } = record
    const out = this.#out
    const kind = direction === 'inbound' ? SpanKind.SERVER : SpanKind.CLIENT
    out.begin(placeOf(hop, hop.spanId, '', record, { name: 'tcp', kind, failed: false }))
    out.known('network.transport', 'tcp')
    receivedBy(out, record)
    own(out, 'weft.response_flags', formatFlags(flags))
    own(out, 'weft.details', details)
    decisionOf(out, record)
    if (cluster !== '') own(out, 'weft.backend', cluster)
    if (serverName !== '') asked(out, 'tls.client.server_name', serverName)
    identitiesOf(out, record, direction === 'inbound' ? record.sourceIdentity : record.destinationIdentity)
    return out.finish()
  }

  #hop(record: RequestRecord, hop: HopSpan, spanId: string, requestId: string | undefined): Uint8Array {
    const out = this.#out
    const { direction } = record
    const server = direction === 'inbound'
    const failed = server ? failedByServer(record) : failedForClient(record)
    const kind = server ? SpanKind.SERVER : SpanKind.CLIENT
    out.begin(placeOf(hop, spanId, hop.parentSpanId, record, { name: nameOf(record), kind, failed }))
    requestOf(out, record, direction)
    receivedBy(out, record)
    endpointOf(out, record, !server)
    outcomeOf(out, record, record.details, failed)
    out.integer('http.request.body.size', record.bytesReceived)
    out.integer('http.response.body.size', record.bytesSent)
    if (record.attempts > 1) out.integer('http.request.resend_count', record.attempts - 1)
    if (record.route !== '') own(out, 'weft.route', record.route)
    own(out, 'weft.config_version', record.configVersion)
    if (requestId !== undefined) out.text('weft.request_id', requestId)
    if (hop.kept !== undefined) own(out, 'weft.kept', hop.kept)
    identitiesOf(out, record, server ? record.sourceIdentity : record.destinationIdentity)
    decisionOf(out, record)
    return out.finish()
  }

  #try(record: RequestRecord, hop: HopSpan, one: TryRecord, resends: number): Uint8Array {
    const out = this.#out
    const end = { status: one.status, grpcStatus: one.grpcStatus, flags: one.flags, method: record.method }
    // Nobody waits for the rest of one that was given up.
    const failed = one.details !== 'given_up' && failedForClient(end)
    const parent = severalTries(record) ? hop.manySpanId : hop.spanId
    out.begin(placeOf(hop, one.spanId, parent, one, { name: nameOf(record), kind: SpanKind.CLIENT, failed }))
    requestOf(out, record, 'outbound')
    endpointOf(out, one, true)
    outcomeOf(out, end, one.details, failed)
    if (resends > 0) out.integer('http.request.resend_count', resends)
    own(out, 'weft.try', one.kind)
    if (one.identity !== '') own(out, 'weft.peer.identity', one.identity)
    return out.finish()
  }
}

/** With one try the request's span is that of the try. */
function severalTries({ attempts, tries }: RequestRecord): readonly TryRecord[] | undefined {
  return attempts > 1 ? tries : undefined
}

function placeOf(
  { traceId, traceState, kept }: HopSpan,
  spanId: string,
  parentSpanId: string,
  { startMs, durationMs }: Pick<RequestRecord, 'startMs' | 'durationMs'>,
  { name, kind, failed }: { readonly name: string; readonly kind: SpanKind; readonly failed: boolean },
): SpanPlace {
  return {
    traceId,
    spanId,
    parentSpanId,
    traceState,
    flags: kept === undefined ? TraceFlags.SAMPLED : TraceFlags.NONE,
    name,
    kind: onWire(kind),
    startMs,
    endMs: startMs + durationMs,
    status: failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET,
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

function outcomeOf(out: AttributeSink, end: Ending, details: string, failed: boolean): void {
  if (end.status !== 0) out.integer('http.response.status_code', end.status)
  rpcStatusOf(out, end.grpcStatus)
  if (failed) out.known('error.type', errorType(end))
  own(out, 'weft.response_flags', formatFlags(end.flags))
  own(out, 'weft.details', details)
}

/** What was decided on who may; of whom and what stands in every span. */
function decisionOf(out: AttributeSink, { decision, policy, reference }: AuthorizationRecord): void {
  if (decision === '') return
  own(out, 'weft.policy', policy)
  own(out, 'weft.policy.decision', decision)
  if (reference !== '') out.text('weft.policy.reference', reference)
}

function identitiesOf(
  out: AttributeSink,
  { sourceIdentity, destinationIdentity }: Pick<RequestRecord, 'sourceIdentity' | 'destinationIdentity'>,
  peer: string,
): void {
  if (peer !== '') own(out, 'weft.peer.identity', peer)
  if (sourceIdentity !== '') own(out, 'weft.source_identity', sourceIdentity)
  if (destinationIdentity !== '') own(out, 'weft.destination_identity', destinationIdentity)
}
