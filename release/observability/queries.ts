// What boards and rules ask in common, in PromQL (https://prometheus.io/docs/prometheus/latest/querying/basics/).

/** gRPC statuses that are no fault of the server (https://opentelemetry.io/docs/specs/semconv/rpc/grpc/). */
const CALLER_ERRORS = [
  'CANCELLED',
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNAUTHENTICATED',
]

/**
 * Matchers of requests whose caller got no good answer, as the dashboard counts them: 5xx, none, part of one, or a gRPC status that
 * is the server's fault. `DPE` and `SI` say that the caller went or took nothing; what ends an upgrade is nobody's failure.
 */
export const FAILED =
  `error_type!="",error_type!~"_OTHER|${CALLER_ERRORS.join('|')}|(.+,)?(DPE|SI)(,.+)?",` +
  'http_response_status_code!~"101|4.."'

/** Requests as their callers saw them, and as the pods that were asked did. */
export const CLIENT = 'http_client_request_duration_seconds'
export const SERVER = 'http_server_request_duration_seconds'

/** Of an interval that fits the scrapes and the time shown: https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/. */
export const INTERVAL = '$__rate_interval'

/** A response flag among others, as a matcher. */
export function flagged(...flags: readonly string[]): string {
  return `weft_response_flags=~"(.+,)?(${flags.join('|')})(,.+)?"`
}

/** Something a second: `rate` of a counter, summed by labels; no labels: one sum. */
export function perSecond(
  counter: string,
  matchers: string,
  by: readonly string[] = [],
  interval = INTERVAL,
): string {
  return `${sumBy(by)}(rate(${counter}${selector(matchers)}[${interval}]))`
}

/** Requests a second by a histogram of durations. */
export function requests(
  histogram: string,
  matchers: string,
  by: readonly string[] = [],
  interval = INTERVAL,
): string {
  return perSecond(`${histogram}_count`, matchers, by, interval)
}

/** Share of the requests that failed, 0 to 1; 0 where none did, nothing where nothing was asked. */
export function failedShare(
  histogram: string,
  matchers: string,
  by: readonly string[] = [],
  interval = INTERVAL,
): string {
  return share(
    requests(histogram, joined(matchers, FAILED), by, interval),
    requests(histogram, matchers, by, interval),
  )
}

/** `part / all` of two expressions with the same labels, 0 where `part` has no series. */
export function share(part: string, all: string): string {
  return `(${part} or 0 * ${all}) / (${all} > 0)`
}

/** A quantile of a classic histogram, in its unit. */
export function quantile(
  q: number,
  histogram: string,
  matchers: string,
  by: readonly string[] = [],
  interval = INTERVAL,
): string {
  return `histogram_quantile(${q}, ${perSecond(`${histogram}_bucket`, matchers, [...by, 'le'], interval)})`
}

/** Both lists of matchers; either may be empty. */
export function joined(...matchers: readonly string[]): string {
  return matchers.filter((one) => one !== '').join(',')
}

function selector(matchers: string): string {
  return matchers === '' ? '' : `{${matchers}}`
}

function sumBy(by: readonly string[]): string {
  return by.length === 0 ? 'sum' : `sum by (${by.join(', ')})`
}
