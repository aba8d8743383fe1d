/**
 * What a sidecar counts without labels, and what each says. Prometheus reads them as `weft_NAME_total`; docs/observability.md
 * has the table.
 */
export const COUNTERS = {
  downstream_connections_refused: 'Connections that were refused because a limit was reached.',
  downstream_stalled: 'Connections that were closed because their client read nothing.',
  tls_handshake_failed: 'TLS handshakes of callers that failed.',
  retry_budget_exhausted: 'Retries that were left out because the budget was used up.',
  hedges_sent: 'Tries beside one that was not answered in time.',
  hedges_won: 'Of these, those that were answered first.',
  mirror_sent: 'Copies of requests that were answered.',
  mirror_failed: 'Copies that were not: no endpoint, a limit, a failure.',
  mirror_body_too_large:
    'Copies that were not sent, because more of the request was to be kept than is kept for copies.',
  mirror_overflow: 'Copies that were not sent, because others took the room that there is for copies.',
  mirror_incomplete: 'Copies that were not sent, because the request itself did not come whole.',
  metrics_overflow:
    'Requests and connections that were counted without their labels: there were too many sets of them.',
  metric_push_failed: 'Reports to the control plane that did not arrive.',
  refusals_not_reported: 'Refusals whose span was left out, because there were more than ten in a second.',
  spans_not_kept:
    'Failed and slow requests without a sampled trace whose span was left out, because there were more in a second than are kept.',
  spans_exported: 'Spans that arrived there.',
  spans_dropped: 'Spans that did not, or waited too long.',
  log_records_exported: 'Lines of the access log that arrived there as log records, where they are sent.',
  log_records_dropped: 'Those that did not, or waited too long.',
} as const

export type CounterName = keyof typeof COUNTERS

/** What is told of each limit by its name, in the label `limit`. Prometheus reads them as `weft_NAME`, counters with `_total`. */
export const LIMIT_METRICS = {
  rate_limit_allowed: ['counter', 'Requests that a rate limit let pass.'],
  rate_limit_refused: ['counter', 'Requests that it refused.'],
  concurrency_limit: ['gauge', 'Requests that adaptive concurrency lets through to the application at once.'],
  concurrency_running: ['gauge', 'Requests that it counts now.'],
  concurrency_min_rtt_seconds: ['gauge', 'How long the application takes when nothing queues.'],
  concurrency_refused: ['counter', 'Requests that it turned away.'],
} as const satisfies Readonly<Record<string, readonly [type: 'counter' | 'gauge', what: string]>>

export type LimitMetricName = keyof typeof LIMIT_METRICS
