import type { BoardDescription } from '../description.ts'
import { graph, grown, stat, trouble } from '../panels.ts'
import { perSecond, quantile } from '../queries.ts'

/** Metrics that every process has, of those that say this, too. */
const ofControlPlanes = (expr: string): string => `${expr} and on (instance) weft_control_plane_workloads`

/** Control plane and injector, and what sidecars have of them. */
export const controlPlane: BoardDescription = {
  name: 'control-plane',
  title: 'Control plane',
  description:
    'Whether configuration and certificates reach the sidecars, what was refused, what telemetry is lost, and how control planes and injectors are.',
  variables: [],
  rows: [
    {
      title: 'Now',
      panels: [
        stat('Control planes', 'short', 'count(weft_control_plane_workloads)', {
          thresholds: { warn: 2, bad: 1 },
        }),
        stat('Workloads', 'short', 'max(weft_control_plane_workloads)'),
        stat('Services', 'short', 'max(weft_control_plane_services)'),
        stat('Sidecars without control plane', 'short', 'sum(1 - weft_control_plane_connected)', {
          thresholds: { bad: 1 },
        }),
        stat('Nobody signs', 'short', 'max(weft_control_plane_issuer_trouble)', { thresholds: { bad: 1 } }),
        stat('First certificate to end', 's', 'min(weft_certificate_expiry_seconds)', {
          description: 'Of workloads, the roots that they trust, and the webhook.',
          thresholds: { warn: 3600, bad: 600 },
        }),
      ],
    },
    {
      title: 'Configuration',
      panels: [
        graph('From a change to what a stream is sent', 's', [
          {
            expr: quantile(0.5, 'weft_control_plane_push_duration_seconds', ''),
            legend: 'p50',
            mayBeEmpty: true,
          },
          {
            expr: quantile(0.99, 'weft_control_plane_push_duration_seconds', ''),
            legend: 'p99',
            mayBeEmpty: true,
          },
        ]),
        graph('Streams', 'short', [
          { expr: 'sum by (weft_state) (weft_control_plane_streams)', legend: '{{weft_state}}' },
          { expr: 'sum(weft_control_plane_push_waiting)', legend: 'still to be told' },
        ]),
        graph('Refused configuration (NACK)', 'short', [
          {
            expr: grown('weft_control_plane_rejections_total', ['weft_resource']),
            legend: '{{weft_resource}}',
            mayBeEmpty: true,
          },
          { expr: grown('weft_config_refused_total'), legend: 'as sidecars say' },
        ]),
        graph('Problems of the configuration', 'short', [
          { expr: 'max by (weft_severity) (weft_control_plane_problems)', legend: '{{weft_severity}}' },
        ]),
        graph('Changes of the mesh', 'short', [
          { expr: 'max by (instance) (weft_control_plane_mesh_version)', legend: '{{instance}}' },
        ]),
        graph('Versions in force', 'short', [
          { expr: 'count(count by (weft_config_version) (weft_config_info))', legend: 'versions' },
          { expr: 'max(weft_config_age_seconds)', legend: 'age of the oldest, seconds' },
        ]),
      ],
    },
    {
      title: 'Certificates and admission',
      panels: [
        graph('Signing', 's', [
          {
            expr: quantile(0.99, 'weft_control_plane_signing_duration_seconds', ''),
            legend: 'p99',
            mayBeEmpty: true,
          },
        ]),
        graph('Certificates that were asked for', 'reqps', [
          {
            expr: perSecond('weft_control_plane_signing_duration_seconds_count', '', ['weft_outcome']),
            legend: '{{weft_outcome}}',
          },
          {
            expr: perSecond('weft_control_plane_calls_refused_total', '', ['rpc_response_status_code']),
            legend: 'not let in: {{rpc_response_status_code}}',
            mayBeEmpty: true,
          },
        ]),
        graph('Admissions', 'reqps', [
          {
            expr: perSecond('weft_injector_admissions_total', '', ['weft_result', 'weft_reason']),
            legend: '{{weft_result}} {{weft_reason}}',
          },
          {
            expr: quantile(0.99, 'weft_injector_admission_duration_seconds', ''),
            legend: 'p99, seconds',
            mayBeEmpty: true,
          },
        ]),
      ],
    },
    {
      title: 'Telemetry itself',
      panels: [
        graph('Spans', 'short', [
          { expr: perSecond('weft_spans_exported_total', ''), legend: 'arrived, a second' },
          trouble('weft_spans_dropped_total', 'lost, a second'),
        ]),
        graph('What was lost', 'short', [
          trouble('weft_control_plane_telemetry_dropped_total', '{{weft_store}}, a second', ['weft_store']),
          trouble('weft_metric_push_failed_total', 'reports of metrics, a second'),
          trouble('weft_metrics_overflow_total', 'counted without labels, a second'),
        ]),
        graph('Stores', 'bytes', [
          { expr: 'sum by (weft_store) (weft_control_plane_telemetry_size_bytes)', legend: '{{weft_store}}' },
        ]),
      ],
    },
    {
      title: 'The processes of the control plane',
      panels: [
        graph('CPU', 'percentunit', [
          {
            expr: ofControlPlanes(perSecond('process_cpu_time_seconds_total', '', ['instance'])),
            legend: '{{instance}}',
          },
        ]),
        graph('Memory', 'bytes', [
          { expr: ofControlPlanes('sum by (instance) (process_memory_usage_bytes)'), legend: '{{instance}}' },
          {
            expr: ofControlPlanes('sum by (instance) (v8js_memory_heap_used_bytes)'),
            legend: '{{instance}} heap',
          },
        ]),
        graph('How late the event loop is', 's', [
          {
            expr: ofControlPlanes('max by (instance) (nodejs_eventloop_delay_p99_seconds)'),
            legend: '{{instance}} p99',
          },
        ]),
      ],
    },
  ],
}
