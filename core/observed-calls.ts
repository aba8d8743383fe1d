/**
 * What a server's sidecar saw of those who call it, as it tells the control plane: one series of a cumulative OTLP Sum
 * (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#sums) for each kind of call. A point's start is when the
 * first call of its kind came, its time when the last one did.
 */
export const OBSERVED_CALLS_METRIC = 'weft.observed.calls'

/** Of a point; those of OpenTelemetry where it has one (https://opentelemetry.io/docs/specs/semconv/registry/attributes/). */
export const OBSERVED_ATTRIBUTES = {
  source: 'weft.source_identity',
  address: 'client.address',
  port: 'network.local.port',
  protocol: 'network.protocol.name',
  method: 'http.request.method',
  path: 'url.template',
  outcome: 'weft.outcome',
  /** https://opentelemetry.io/docs/specs/otel/metrics/sdk/#overflow-attribute */
  overflow: 'otel.metric.overflow',
} as const

export const CALL_PROTOCOLS = ['http', 'grpc', 'tcp'] as const
export type CallProtocol = (typeof CALL_PROTOCOLS)[number]

/**
 * `served`: the application answered, and not that it has no such thing. `unanswered`: it has no such path or method, or gave
 * no answer. `refused`: by an authorization policy.
 */
export const CALL_OUTCOMES = ['served', 'unanswered', 'refused'] as const
export type CallOutcome = (typeof CALL_OUTCOMES)[number]

/** One kind of call. */
export interface ObservedCall {
  /** SPIFFE ID of the caller; '' in plaintext. */
  readonly source: string
  /** Of the caller in plaintext, as far as addresses are told apart; else ''. */
  readonly address: string
  /** Of the pod, as its application listens. */
  readonly port: number
  readonly protocol: CallProtocol
  /** '' of TCP. */
  readonly method: string
  /** The path without its query, where each segment that varies is {*} and the rest of a very long one {**}. '' of TCP, CONNECT and `OPTIONS *`, and where it is not told. */
  readonly path: string
  readonly outcome: CallOutcome
}

/** A segment that is any but empty. */
export const ANY_SEGMENT = '{*}'
/** The rest of the path, or none. */
export const ANY_REST = '{**}'

/** Whether every path that `narrow` stands for is one that `general` stands for. Both are paths or templates. */
export function coversPath(general: string, narrow: string): boolean {
  if (general === narrow) return true
  const wide = general.split('/')
  const segments = narrow.split('/')
  for (const [i, segment] of wide.entries()) {
    if (segment === ANY_REST) return segments.length > i
    const other = segments[i]
    if (other === undefined || other === ANY_REST) return false
    if (segment === ANY_SEGMENT ? other === '' : segment !== other) return false
  }
  return segments.length === wide.length
}

/** Of two callers that calls are said to be of: both are one, or nobody can tell. */
export function sameCaller(a: string, b: string): string {
  return a === b ? a : ''
}
