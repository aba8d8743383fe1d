import { prometheusLabels } from '../../core/prometheus-labels.ts'
import { LIMIT_METRICS, type LimitMetricName } from '../model/counters.ts'
import type { LimitSample } from './limit-metrics.ts'
import { DURATION_BUCKETS, type Metrics, type RequestSeries } from './metrics.ts'
import type { ResourceAttributes } from './resource.ts'

/** OpenTelemetry: `weft.authorization.decisions`. */
export const DECISIONS_METRIC = 'weft_authorization_decisions_total'

/**
 * Prometheus text format 0.0.4, with OpenTelemetry's names as its Prometheus exporter would write them: who reports is
 * told once, in `target_info` (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).
 */
export function prometheusText(
  metrics: Metrics,
  limits: ReadonlyMap<LimitMetricName, readonly LimitSample[]>,
  resource: ResourceAttributes,
): string {
  const lines: string[] = [
    '# TYPE target_info gauge',
    `target_info{${prometheusLabels([...resource].map(([key, value]) => [key.replaceAll(/[^A-Za-z0-9_]/g, '_'), value]))}} 1`,
  ]
  for (const direction of ['inbound', 'outbound'] as const) {
    const role = direction === 'inbound' ? 'server' : 'client'
    const all = [...metrics.requests.values()].filter((series) => series.labels.direction === direction)
    histogram(lines, `http_${role}_request_duration_seconds`, all)
    counter(lines, `http_${role}_request_body_size_bytes_total`, all, (series) => series.bytesReceived)
    counter(lines, `http_${role}_response_body_size_bytes_total`, all, (series) => series.bytesSent)
    if (role === 'client')
      counter(lines, 'http_client_request_resends_total', all, (series) => series.retries)
    lines.push(
      `# TYPE http_${role}_active_requests gauge`,
      `http_${role}_active_requests ${metrics.active[direction]}`,
    )
  }
  for (const [name, value] of [...metrics.counters].sort(([a], [b]) => (a < b ? -1 : 1)))
    lines.push(`# TYPE weft_${name}_total counter`, `weft_${name}_total ${value}`)
  const decisions = metrics.decisions.all()
  if (decisions.length > 0) lines.push(`# TYPE ${DECISIONS_METRIC} counter`)
  for (const { policy, decision, count } of decisions)
    lines.push(
      `${DECISIONS_METRIC}{${prometheusLabels([
        ['policy', policy],
        ['decision', decision],
      ])}} ${count}`,
    )
  for (const [name, samples] of limits) {
    const metric = limitMetricName(name)
    lines.push(`# TYPE ${metric} ${LIMIT_METRICS[name][0]}`)
    for (const { limit, value } of samples)
      lines.push(`${metric}{${prometheusLabels([['limit', limit]])}} ${value}`)
  }
  return lines.join('\n') + '\n'
}

/** As Prometheus reads it. */
export function limitMetricName(name: LimitMetricName): string {
  return LIMIT_METRICS[name][0] === 'counter' ? `weft_${name}_total` : `weft_${name}`
}

function histogram(lines: string[], name: string, all: readonly RequestSeries[]): void {
  if (all.length === 0) return
  lines.push(`# TYPE ${name} histogram`)
  for (const series of all) {
    const labels = labelText(series)
    let total = 0
    series.buckets.forEach((count, i) => {
      total += count
      const bound = i < DURATION_BUCKETS.length ? String(DURATION_BUCKETS[i]) : '+Inf'
      lines.push(`${name}_bucket{${labels},le="${bound}"} ${total}`)
    })
    lines.push(`${name}_sum{${labels}} ${series.sumSeconds}`, `${name}_count{${labels}} ${total}`)
  }
}

function counter(
  lines: string[],
  name: string,
  all: readonly RequestSeries[],
  value: (series: RequestSeries) => number,
): void {
  if (all.length === 0) return
  lines.push(`# TYPE ${name} counter`)
  for (const series of all) lines.push(`${name}{${labelText(series)}} ${value(series)}`)
}

function labelText(series: RequestSeries): string {
  const { method, status, route, cluster, service, source, flags, mtls, grpcStatus } = series.labels
  const labels: Record<string, string> = {
    http_request_method: method,
    http_response_status_code: status,
    http_route: route,
    weft_cluster: cluster,
    weft_destination_service: service,
    weft_source_identity: source,
    weft_response_flags: flags,
    weft_mtls: mtls === undefined ? '_OTHER' : String(mtls),
    ...(grpcStatus < 0 ? {} : { rpc_grpc_status_code: String(grpcStatus) }),
  }
  return prometheusLabels(Object.entries(labels))
}
