import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { WEFT_ATTRIBUTES } from '../../core/weft-attributes.ts'
import { markdownTable, withWritten } from '../../core/document.ts'
import { labelName, prometheusName, type MetricDescription } from '../../core/metrics/family.ts'
import { PROCESS_METRICS } from '../../core/metrics/process-families.ts'
import { COUNTERS, LIMIT_METRICS, type CounterName, type LimitMetricName } from '../model/counters.ts'
import type { ResponseFlag } from '../model/response-flag.ts'
import { CLUSTER_METRICS } from './cluster-metrics.ts'
import { counterMetric, DECISIONS, limitMetric } from './count-families.ts'
import { EJECTION_METRICS } from './ejection-families.ts'
import { FLAGGER_METRICS } from './foreign-names/flagger.ts'
import { ISTIO_METRICS } from './foreign-names/istio.ts'
import { REQUEST_LABELS, REQUEST_METRICS } from './request-families.ts'
import { SIDECAR_METRICS } from './sidecar-families.ts'
import { TCP_LABELS, TCP_METRICS } from './tcp-families.ts'

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

/** What Weft's own names are, of everything that a sidecar tells. */
export const SIDECAR_METRIC_TABLE: readonly MetricDescription[] = [
  { name: 'target', unit: '', type: 'info', help: 'Always 1; who reports, as labels (telemetry-names.md).' },
  ...REQUEST_METRICS,
  ...TCP_METRICS,
  DECISIONS,
  ...CLUSTER_METRICS,
  ...EJECTION_METRICS,
  ...SIDECAR_METRICS,
  ...PROCESS_METRICS,
  ...(Object.keys(COUNTERS) as CounterName[]).map(counterMetric),
  ...(Object.keys(LIMIT_METRICS) as LimitMetricName[]).map(limitMetric),
]

/** And under the names of others. */
export const FOREIGN_METRIC_TABLE: readonly MetricDescription[] = [...ISTIO_METRICS, ...FLAGGER_METRICS]

/** `page` with the tables of metrics, labels, response flags and of our own attributes between their marks. */
export function withTelemetry(page: string): string {
  const ofClusters = new Set(['weft.backend', ...CLUSTER_METRICS.flatMap(({ label }) => label ?? [])])
  const metrics = `${metricTable(SIDECAR_METRIC_TABLE)}
Those of clusters are of each cluster in use, and have the labels ${[...ofClusters].map((key) => `\`${labelName(key)}\``).join(', ')},
the latter where there are several of a kind.
`
  const labels = markdownTable([
    ['label', 'what it says'],
    ...Object.entries({ ...REQUEST_LABELS, ...TCP_LABELS }).map(([key, what]) => [
      `\`${labelName(key)}\``,
      what,
    ]),
  ])
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
  const tables = { metrics, labels, foreign: metricTable(FOREIGN_METRIC_TABLE), flags, attributes }
  return Object.entries(tables).reduce(
    (text, [name, table]) => withWritten(text, `${COMMAND} ${name}`, table),
    page,
  )
}

/** By the names that Prometheus reads. */
function metricTable(all: readonly MetricDescription[]): string {
  return markdownTable([
    ['metric', 'type', 'what it says'],
    ...all.map((one) => [`\`${prometheusName(one)}\``, one.type, one.help]),
  ])
}

if (import.meta.main)
  writeFileSync(OBSERVABILITY_PAGE, withTelemetry(readFileSync(OBSERVABILITY_PAGE, 'utf8')))
