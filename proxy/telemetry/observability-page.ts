import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { WEFT_ATTRIBUTES } from '../../core/weft-attributes.ts'
import { markdownTable, withWritten } from '../../core/document.ts'
import { COUNTERS, LIMIT_METRICS, type LimitMetricName } from '../model/counters.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import { CLUSTER_METRICS } from './cluster-metrics.ts'
import { DECISIONS_METRIC, limitMetricName } from './prometheus.ts'

/** The page whose tables this module writes. */
export const OBSERVABILITY_PAGE = fileURLToPath(new URL('../../docs/observability.md', import.meta.url))

const COMMAND = 'node proxy/telemetry/observability-page.ts'

const FLAGS: Readonly<Record<keyof typeof ResponseFlag, string>> = {
  UH: 'No endpoint is there that is healthy.',
  UF: 'No connection to the endpoint could be made.',
  UO: 'A limit of the cluster was reached: connections, requests, or what waits for them.',
  NR: 'No route is for the request, or no listener or filter chain for the connection.',
  URX: 'Tried as often as the rule or the budget allows.',
  NC: 'The cluster that the route names is not known.',
  DC: 'The caller left before the end.',
  UR: 'The endpoint reset the request or connection.',
  UC: 'The endpoint closed the connection before its answer was whole.',
  UT: 'The answer took too long.',
  DPE: 'The caller broke the protocol.',
  UPE: 'The endpoint did.',
  SI: 'Nothing moved on the stream for too long.',
  OM: 'The sidecar ended it because it was overloaded.',
  LR: 'The sidecar ended the connection itself.',
  UAEX: 'Refused by authorization (`details` names the rule), or by mutual TLS: plaintext where STRICT holds, or an identity that should not be there.',
  NB: 'The backend of the route is not valid.',
  DI: 'Delayed by a fault that was asked for.',
  FI: 'Answered by a fault that was asked for.',
  RL: 'A rate limit was reached.',
}

const LABELS = [
  'http_request_method',
  'http_response_status_code',
  'http_route',
  'weft_cluster',
  'weft_destination_service',
  'weft_source_identity',
  'weft_response_flags',
  'weft_mtls',
  'rpc_grpc_status_code',
]

/** Those of requests for each side, `server` of what came to the pod and `client` of what it sent. */
const REQUEST_METRICS: Readonly<Record<string, readonly [type: string, what: string]>> = {
  target_info: ['gauge', 'Always 1; who reports, as labels (telemetry-names.md).'],
  http_server_request_duration_seconds: ['histogram', 'Requests to the pod, until the end of their answers.'],
  http_client_request_duration_seconds: ['histogram', 'Requests of the application, all tries together.'],
  http_server_request_body_size_bytes_total: ['counter', 'Bytes of the bodies of requests to the pod.'],
  http_client_request_body_size_bytes_total: ['counter', "Of the application's."],
  http_server_response_body_size_bytes_total: ['counter', 'Bytes of the bodies of answers of the pod.'],
  http_client_response_body_size_bytes_total: ['counter', 'Of answers to the application.'],
  http_client_request_resends_total: ['counter', 'Tries beyond the first.'],
  http_server_active_requests: ['gauge', 'Requests to the pod that run now. No labels.'],
  http_client_active_requests: ['gauge', 'Those of the application. No labels.'],
  [DECISIONS_METRIC]: [
    'counter',
    'What was decided on who may, by `policy`, the rule that did (`none`: nothing allows it), and `decision`: `allowed`, `audited`, `dry-run-denied`, `denied`.',
  ],
}

/** What Prometheus reads of a sidecar, by name. */
export const METRIC_NAMES: readonly string[] = [
  ...Object.keys(REQUEST_METRICS),
  ...Object.keys(CLUSTER_METRICS),
  ...Object.keys(COUNTERS).map((name) => `weft_${name}_total`),
  ...Object.keys(LIMIT_METRICS).map((name) => limitMetricName(name as LimitMetricName)),
]

/** `page` with the tables of metrics, of response flags and of our own attributes between their marks. */
export function withTelemetry(page: string): string {
  const requests = Object.entries(REQUEST_METRICS).map(([name, [type, what]]) => [`\`${name}\``, type, what])
  const counters = Object.entries(COUNTERS).map(([name, what]) => [`\`weft_${name}_total\``, 'counter', what])
  const clusters = Object.entries(CLUSTER_METRICS).map(([name, { type, what }]) => [
    `\`${name}\``,
    type,
    what,
  ])
  const limits = Object.entries(LIMIT_METRICS).map(([name, [type, what]]) => [
    `\`${limitMetricName(name as LimitMetricName)}\``,
    type,
    `${what} By the label \`limit\`.`,
  ])
  const rows = [['metric', 'type', 'what it says'], ...requests, ...clusters, ...counters, ...limits]
  const quoted = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ')
  const ofClusters = new Set([
    'weft_cluster',
    ...Object.values(CLUSTER_METRICS).flatMap(({ label }) => label ?? []),
  ])
  const metrics = `${markdownTable(rows)}
Those of requests but the active ones have the labels ${quoted(LABELS)}, the last of them for gRPC alone. Those of clusters are
of each cluster in use, and have ${quoted([...ofClusters])}, the latter where there are several of a kind.
`
  const flags = markdownTable([
    ['flag', 'what happened'],
    ...Object.entries(FLAGS).map(([flag, what]) => [`\`${flag}\``, what]),
  ])
  const attributes = markdownTable([
    ['attribute', 'type', 'what it says', 'example'],
    ...Object.entries(WEFT_ATTRIBUTES).map(([name, { type, what, example }]) => [
      `\`${name}\``,
      type,
      what,
      `\`${example}\``,
    ]),
  ])
  const written = [
    ['metrics', metrics],
    ['flags', flags],
    ['attributes', attributes],
  ] as const
  return written.reduce((text, [name, table]) => withWritten(text, `${COMMAND} ${name}`, table), page)
}

if (import.meta.main)
  writeFileSync(OBSERVABILITY_PAGE, withTelemetry(readFileSync(OBSERVABILITY_PAGE, 'utf8')))
