import { CLIENT, FAILED, flagged, joined, quantile, requests, share } from './queries.ts'

// Rules of Prometheus (https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/).

interface RecordingRule {
  readonly record: string
  readonly expr: string
}

export interface AlertingRule {
  readonly alert: string
  readonly expr: string
  /** How long it must hold; absent: at once. */
  readonly for?: string
  readonly labels: { readonly severity: 'critical' | 'warning' | 'info' }
  readonly annotations: { readonly summary: string; readonly description: string }
}

export interface RuleGroup {
  readonly name: string
  readonly rules: readonly (RecordingRule | AlertingRule)[]
}

const SERVICES = 'weft_destination_service!=""'
const BY = ['weft_destination_service'] as const
const REQUESTS = 'weft:service_requests:rate5m'
const FAILURES = 'weft:service_failures:rate5m'
const FAILED_SHARE = 'weft:service_failed_share:rate5m'
const P99 = 'weft:service_request_duration_seconds:p99_5m'
/** Requests a second below which a share or a quantile says nothing. */
const ENOUGH = 0.1

const recording: readonly RecordingRule[] = [
  { record: REQUESTS, expr: requests(CLIENT, SERVICES, BY, '5m') },
  { record: FAILURES, expr: requests(CLIENT, joined(SERVICES, FAILED), BY, '5m') },
  { record: FAILED_SHARE, expr: share(FAILURES, REQUESTS) },
  { record: P99, expr: quantile(0.99, CLIENT, SERVICES, BY, '5m') },
]

const services: readonly AlertingRule[] = [
  alert('WeftServiceFails', {
    expr: `${FAILED_SHARE} > 0.05 and ${REQUESTS} > ${ENOUGH}`,
    for: '5m',
    severity: 'critical',
    summary: '{{ $labels.weft_destination_service }} fails {{ $value | humanizePercentage }} of requests',
    description:
      'As its callers saw it. `weft stat` and the board "Weft / Route" say which rule and backend; the flags say how.',
  }),
  alert('WeftServiceSlow', {
    expr: `${P99} > 1 and ${REQUESTS} > ${ENOUGH}`,
    for: '10m',
    severity: 'warning',
    summary:
      'One of a hundred requests to {{ $labels.weft_destination_service }} takes {{ $value | humanizeDuration }} or longer',
    description: 'All tries together. Set the limit of this rule to what your services promise.',
  }),
  alert('WeftNoEndpoints', {
    expr: `${requests(CLIENT, joined(SERVICES, flagged('UH', 'NC', 'NB')), BY, '5m')} > 0`,
    for: '2m',
    severity: 'critical',
    summary: '{{ $labels.weft_destination_service }} has no endpoint for some of its requests',
    description:
      'No pod of a backend is ready, or all are ejected (UH), or the route names a backend that is not there (NC, NB). `weft problems` says which.',
  }),
  alert('WeftEndpointEjected', {
    expr: 'max by (weft_backend) (weft_cluster_ejected_endpoints) > 0',
    for: '10m',
    severity: 'warning',
    summary: '{{ $value }} endpoints of {{ $labels.weft_backend }} are ejected',
    description: 'They fail or are slower than the others, and get nothing meanwhile.',
  }),
  alert('WeftLimitReached', {
    expr: 'sum by (weft_backend, weft_limit) (rate(weft_cluster_overflows_total[5m])) > 0',
    for: '5m',
    severity: 'warning',
    summary: 'The limit of {{ $labels.weft_limit }} of {{ $labels.weft_backend }} turns requests away',
    description: 'They are answered with 503 (flag UO). Raise the limit, or add pods.',
  }),
]

const security: readonly AlertingRule[] = [
  alert('WeftCertificateEnds', {
    expr: 'weft_certificate_expiry_seconds{weft_certificate="workload"} < 3600',
    for: '10m',
    severity: 'critical',
    summary:
      'The certificate of {{ $labels.pod }} in {{ $labels.namespace }} ends in {{ $value | humanizeDuration }}',
    description:
      'Sidecars renew theirs long before. Its log says why it gets none; where certificates are asked to live for an hour or two, lower the limit of this rule.',
  }),
  alert('WeftTrustEnds', {
    expr: 'min by (weft_certificate) (weft_certificate_expiry_seconds{weft_certificate=~"root|webhook"}) < 7 * 86400',
    for: '1h',
    severity: 'critical',
    summary: 'A {{ $labels.weft_certificate }} certificate ends in {{ $value | humanizeDuration }}',
    description:
      'Without it no sidecar trusts another (root), or no pod is admitted (webhook). docs/identity.md of Weft says how to renew it.',
  }),
  alert('WeftNobodySigns', {
    expr: 'max(weft_control_plane_issuer_trouble) > 0',
    for: '5m',
    severity: 'critical',
    summary: 'No certificate is signed',
    description:
      'New pods get none, and those that are there run out of theirs. The log of the control plane says why.',
  }),
  alert('WeftDenialsSurge', {
    expr:
      'sum by (policy) (rate(weft_authorization_decisions_total{decision="denied"}[5m])) > 1 and ' +
      'sum by (policy) (rate(weft_authorization_decisions_total{decision="denied"}[5m])) > ' +
      '5 * (sum by (policy) (rate(weft_authorization_decisions_total{decision="denied"}[1h] offset 10m)) or ' +
      '0 * sum by (policy) (rate(weft_authorization_decisions_total{decision="denied"}[5m])))',
    for: '5m',
    severity: 'warning',
    summary:
      '{{ $labels.policy }} refuses {{ $value | humanize }} requests a second, five times as many as before',
    description:
      'Somebody tries what it may not, or a policy was changed. `weft why` tells of a refusal, the board "Weft / Policy" of all.',
  }),
]

const controlPlane: readonly AlertingRule[] = [
  alert('WeftControlPlaneAway', {
    expr: 'absent(weft_control_plane_workloads)',
    for: '5m',
    severity: 'critical',
    summary: 'No control plane is scraped',
    description: 'Sidecars go on with what they have; nothing changes, and no certificate is renewed.',
  }),
  alert('WeftSidecarAlone', {
    expr: 'weft_control_plane_connected == 0',
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.pod }} in {{ $labels.namespace }} does not reach the control plane',
    description: 'It goes on with what it has. Its log says why.',
  }),
  alert('WeftConfigurationRefused', {
    expr: 'sum(weft_control_plane_streams{weft_state="rejecting"}) > 0 or sum(increase(weft_config_refused_total[10m])) > 0',
    for: '1m',
    severity: 'critical',
    summary: '{{ $value | humanize }} sidecars refuse what the control plane sends (NACK)',
    description: 'They go on with what they had. `weft proxies` says which ones, and why.',
  }),
  alert('WeftConfigurationLate', {
    expr: 'sum(weft_control_plane_push_waiting) > 0 and sum(min_over_time(weft_control_plane_push_waiting[5m])) > 0',
    for: '5m',
    severity: 'warning',
    summary: '{{ $value }} sidecars wait for a change of the mesh',
    description: 'The control plane is overloaded, or their connections are.',
  }),
  alert('WeftInjectorRefuses', {
    expr: 'sum by (weft_reason) (increase(weft_injector_admissions_total{weft_result="refused"}[10m])) > 0',
    severity: 'warning',
    summary: 'Pods are not admitted: {{ $labels.weft_reason }}',
    description: 'The events of their ReplicaSets say what is to be changed.',
  }),
]

const canaries: readonly AlertingRule[] = [
  alert('WeftCanaryStuck', {
    expr:
      'max by (canary_namespace, canary) (weft_canary_phase{phase="Waiting"}) == 1 or ' +
      'max by (canary_namespace, canary) (weft_canary_phase{phase="Paused"}) == 1 or ' +
      '(max by (canary_namespace, canary) (weft_canary_phase{phase="Progressing"}) == 1 and ' +
      'max by (canary_namespace, canary) (changes(weft_canary_weight[1h])) == 0)',
    for: '1h',
    severity: 'warning',
    summary: 'The Canary {{ $labels.canary }} in {{ $labels.canary_namespace }} does not get on',
    description:
      'It waits, is paused, or had the same weight for an hour. `weft canary status` says what it waits for.',
  }),
  alert('WeftCanaryRolledBack', {
    expr: 'max by (canary_namespace, canary) (weft_canary_phase{phase="RolledBack"}) == 1',
    severity: 'info',
    summary: 'The Canary {{ $labels.canary }} in {{ $labels.canary_namespace }} was rolled back',
    description: 'The new version did worse than the old one. `weft canary status` says by what evidence.',
  }),
]

const telemetry: readonly AlertingRule[] = [
  alert('WeftSpansDropped', {
    expr: 'sum(rate(weft_spans_dropped_total[10m])) > 0',
    for: '10m',
    severity: 'warning',
    summary: '{{ $value | humanize }} spans a second are lost',
    description: 'Traces have holes. The control plane takes no more, or is away.',
  }),
  alert('WeftTelemetryLost', {
    expr:
      'sum by (weft_store) (rate(weft_control_plane_telemetry_dropped_total[10m])) > 0 or ' +
      'sum(rate(weft_metric_push_failed_total[10m])) > 0',
    for: '10m',
    severity: 'warning',
    summary: 'The dashboard is not told everything',
    description: 'Reports of sidecars do not arrive, or there is no room for them in the control plane.',
  }),
  alert('WeftMetricsOverflow', {
    expr: 'sum by (namespace, pod) (increase(weft_metrics_overflow_total[1h])) > 0',
    severity: 'info',
    summary: '{{ $labels.pod }} in {{ $labels.namespace }} counts requests without their labels',
    description: 'It has more sets of labels than it holds (docs/observability.md of Weft).',
  }),
]

/** All rules, in the groups of the file. */
export const RULE_GROUPS: readonly RuleGroup[] = [
  { name: 'weft-recorded', rules: recording },
  { name: 'weft-services', rules: services },
  { name: 'weft-security', rules: security },
  { name: 'weft-control-plane', rules: controlPlane },
  { name: 'weft-canaries', rules: canaries },
  { name: 'weft-telemetry', rules: telemetry },
]

interface AlertText {
  readonly expr: string
  readonly for?: string
  readonly severity: AlertingRule['labels']['severity']
  readonly summary: string
  readonly description: string
}

function alert(name: string, { expr, for: held, severity, summary, description }: AlertText): AlertingRule {
  return {
    alert: name,
    expr,
    ...(held === undefined ? {} : { for: held }),
    labels: { severity },
    annotations: { summary, description },
  }
}
