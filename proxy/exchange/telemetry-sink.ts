import type { RouteLogSettings } from '../../core/telemetry-settings.ts'
import type { CounterName, LimitMetricName } from '../model/counters.ts'
import type { RequestHead } from '../http/message.ts'

/** A span of this hop, made only for a sampled request. Identifiers are lower-case hex. */
export interface HopSpan {
  readonly traceId: string
  /** What the upstream is told: the first try's, where several were made, and else that of the hop. */
  readonly spanId: string
  /** That of the hop, where several were made. */
  readonly manySpanId: string
  /** '' for a root. */
  readonly parentSpanId: string
  readonly traceState: string
  /** Its trace is not sampled, and it is told all the same, for this; undefined: sampled, or a refusal. */
  readonly kept: 'error' | 'slow' | undefined
}

export type TryKind = 'first' | 'retry' | 'replay' | 'hedge' | 'mirror'

/** One of several tries of a request, or a copy of a sampled one that was sent to a mirror. */
export interface TryRecord {
  readonly kind: TryKind
  /** '' of a request that is not sampled, unless it is kept. */
  spanId: string
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number
  /** -1: it has not ended. */
  durationMs: number
  readonly cluster: string
  /** `ip:port` of its endpoint. */
  readonly upstream: string
  readonly upstreamWorkload: string
  /** SPIFFE ID of who was connected to, or ''. */
  identity: string
  /** 0: no answer. */
  status: number
  /** gRPC status, or -1. */
  grpcStatus: number
  /** ResponseFlag bits. */
  flags: number
  details: string
}

/** What authorization has decided; what weighs more stands in place of what weighs less. */
export type DecisionName = '' | 'allowed' | 'audited' | 'dry-run-denied' | 'denied'

/** Of a request or an opaque connection. Filled by the steps that decide. */
export interface AuthorizationRecord {
  /** The rule that decided, `namespace/policy/index`; `none`: refused, as no rule allows it; '': nothing decided. */
  policy: string
  decision: DecisionName
  /** Of what was refused, or would be: its trace id, 32 hex digits, which is all that its caller is told; '' otherwise. */
  reference: string
  /** It is to stand in the access log, whatever that leaves out. */
  logged: boolean
}

/** Before anybody has decided. */
export function noAuthorization(): AuthorizationRecord {
  return { policy: '', decision: '', reference: '', logged: false }
}

/** Filled by the exchange while a request runs and handed over once, when it is finished. */
export interface RequestRecord extends AuthorizationRecord {
  direction: 'outbound' | 'inbound'
  /** Milliseconds since the epoch, with fractions. */
  startMs: number
  durationMs: number
  /** Until the head of an answer, of the upstream's or of our own. Whole milliseconds; -1: none came. */
  answerMs: number
  method: string
  scheme: string
  authority: string
  path: string
  protocol: 'HTTP/1.1' | 'HTTP/1.0' | 'HTTP/2'
  userAgent: string
  /** 0: the caller was gone before an answer. */
  status: number
  /** It is a gRPC call, whatever the answer. */
  grpc: boolean
  /** gRPC status, or -1. */
  grpcStatus: number
  /** An answer of the upstream has begun. */
  answered: boolean
  /** ResponseFlag bits. */
  flags: number
  /** Envoy's response code details, e.g. `via_upstream`, `route_not_found`. */
  details: string
  route: string
  /** The path that its route matches, where that is one; '': it matches more, or nothing did. */
  template: string
  /** Which requests of its route stand in the access log; what is not said is as the sidecar is set. */
  accessLog: RouteLogSettings | undefined
  cluster: string
  /** Destination service, `name.namespace`, or ''. */
  service: string
  /** `ip:port` of the endpoint that answered, or ''. */
  upstream: string
  upstreamWorkload: string
  /** What the other end's workload is called, who calls or who is called (core/peer-workload.ts); '' where that is not known. */
  peer: string
  /** `ip:port` of the caller. */
  downstream: string
  /** Where the connection was going; '' and 0: not known. */
  destinationAddress: string
  destinationPort: number
  /** SPIFFE IDs, or '' in plaintext. */
  sourceIdentity: string
  destinationIdentity: string
  /** Tries made; 1 without a retry, 0 if none was made. */
  attempts: number
  bytesReceived: number
  bytesSent: number
  configVersion: string
  /** Whether its trace began here, was continued, or is none of ours. */
  trace: 'none' | 'began' | 'continued'
  span: HopSpan | undefined
  /** Of a sampled request that took more than one; in the order in which they began. */
  tries: TryRecord[] | undefined
}

export type TraceStart = Pick<RequestRecord, 'trace' | 'span'>

export interface ConnectionRecord extends AuthorizationRecord {
  direction: 'outbound' | 'inbound'
  startMs: number
  durationMs: number
  cluster: string
  service: string
  upstream: string
  /** It has reached its endpoint, and telemetry was told. */
  opened: boolean
  /** As of a request. */
  peer: string
  downstream: string
  destinationAddress: string
  destinationPort: number
  /** Server name of TLS that is passed on, or ''. */
  serverName: string
  sourceIdentity: string
  destinationIdentity: string
  flags: number
  details: string
  bytesReceived: number
  bytesSent: number
}

/** A number that whoever made it changes as it goes; telemetry reads it, for as long as it is held on to. */
export interface LimitMetric {
  value: number
}

/** What the runtime tells telemetry. Implementations must not throw and must not keep the record. */
export interface TelemetrySink {
  /**
   * Reads W3C traceparent/tracestate or B3 of `head`, decides sampling (`samplingPercent` where the caller
   * decided nothing), writes the context that goes on into `head.fields`, and gives the record `trace` and, when sampled, `span`.
   */
  beginTrace(record: TraceStart, head: RequestHead, samplingPercent: number): void
  /** A new identifier for one more try of a sampled request, or for a copy of it. */
  trySpanId(): string
  /** Writes the context of a try into the head that goes on with it, in the forms in which that of the hop stands there. */
  writeTry(head: RequestHead, span: HopSpan, spanId: string): void
  /** A copy of a sampled request is over, and so is the request itself. */
  mirrorFinished(record: RequestRecord, copy: TryRecord): void
  /** The trace id of a request, made if it has none; of no head, a new one. */
  reference(head: RequestHead | undefined): string
  requestStarted(direction: 'outbound' | 'inbound'): void
  /** An answer of the application has begun, of which the record has the status. Inbound only; it may go on for days. */
  requestAnswered(record: RequestRecord): void
  /** `head`: as it went on, last. */
  requestFinished(record: RequestRecord, head: RequestHead): void
  /** An opaque connection has reached its endpoint. It may stay for days. */
  connectionOpened(record: ConnectionRecord): void
  connectionFinished(record: ConnectionRecord): void
  count(name: CounterName, by?: number): void
  /** The number of one limit: the same one for the same names. */
  limitMetric(name: LimitMetricName, limit: string): LimitMetric
}

export const noTelemetry: TelemetrySink = {
  beginTrace() {},
  trySpanId: () => '0'.repeat(16),
  writeTry() {},
  mirrorFinished() {},
  reference: () => '0'.repeat(32),
  requestStarted() {},
  requestAnswered() {},
  requestFinished() {},
  connectionOpened() {},
  connectionFinished() {},
  count() {},
  limitMetric: () => ({ value: 0 }),
}
