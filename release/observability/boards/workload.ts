import type { BoardDescription } from '../description.ts'
import { failedStat, failures, flags, golden, graph, NAMESPACE, quantiles, stat } from '../panels.ts'
import { CLIENT, failedShare, joined, perSecond, quantile, requests, SERVER } from '../queries.ts'

const IN = 'weft_destination_namespace="$namespace",weft_destination_workload="$workload"'
const OUT = 'weft_source_namespace="$namespace",weft_source_workload="$workload"'
/** Labels that the scrape gives to what a pod says of itself. */
const PODS = 'namespace="$namespace",pod=~"$workload-.+"'
/** What its application calls; its own cluster is called so. */
const CALLED = joined(PODS, 'weft_backend!="inbound"')

/** One Deployment, StatefulSet and so on. */
export const workload: BoardDescription = {
  name: 'workload',
  title: 'Workload',
  description:
    'One workload: who calls it and how that ends, what it calls itself, and how its sidecars are. The last row needs the labels `namespace` and `pod` of the scrape.',
  variables: [
    NAMESPACE,
    {
      name: 'workload',
      label: 'Workload',
      query: `label_values(${SERVER}_count{weft_destination_namespace="$namespace"}, weft_destination_workload)`,
    },
  ],
  rows: [
    {
      title: 'Requests to it',
      panels: [
        stat('Requests', 'reqps', requests(SERVER, IN)),
        failedStat('Failed', failedShare(SERVER, IN)),
        stat('p99', 's', quantile(0.99, SERVER, IN)),
        stat(
          'Callers',
          'short',
          `count(count by (weft_source_workload, weft_source_identity) (${SERVER}_count{${IN}}))`,
        ),
        stat('Plaintext', 'reqps', `${requests(SERVER, joined(IN, 'weft_mtls="false"'))} or vector(0)`, {
          thresholds: { warn: 0.001, bad: 1e9 },
        }),
        stat(
          'Its certificate ends',
          's',
          `min(weft_certificate_expiry_seconds{${PODS},weft_certificate="workload"})`,
          { thresholds: { warn: 3600, bad: 600 } },
        ),
        graph(
          'By status',
          'reqps',
          [
            {
              expr: requests(SERVER, IN, ['http_response_status_code', 'rpc_response_status_code']),
              legend: '{{http_response_status_code}} {{rpc_response_status_code}}',
            },
          ],
          { stacked: true },
        ),
        quantiles(SERVER, IN),
        flags(SERVER, IN),
      ],
    },
    { title: 'By caller', panels: golden(SERVER, IN, 'weft_source_workload') },
    {
      title: 'What it calls',
      panels: [
        ...golden(CLIENT, OUT, 'weft_destination_service').map((panel) => ({
          ...panel,
          // Not everybody calls somebody.
          queries: panel.queries.map((query) => ({ ...query, mayBeEmpty: true })),
        })),
        graph('Tries beyond the first', 'reqps', [
          {
            expr: perSecond('http_client_request_resends_total', OUT, ['weft_destination_service']),
            legend: '{{weft_destination_service}}',
            mayBeEmpty: true,
          },
        ]),
        graph('Bodies to it', 'bytes', [
          {
            expr: quantile(0.99, 'http_server_request_body_size_bytes', IN),
            legend: 'p99 of requests',
          },
          {
            expr: quantile(0.99, 'http_server_response_body_size_bytes', IN),
            legend: 'p99 of answers',
          },
        ]),
        failures('gRPC calls that failed', [
          {
            expr: failedShare('rpc_server_call_duration_seconds', IN, ['rpc_method']),
            legend: '{{rpc_method}}',
            mayBeEmpty: true,
          },
        ]),
      ],
    },
    {
      title: 'Endpoints and limits of what it calls',
      panels: [
        graph('Endpoints that are not picked', 'short', [
          {
            expr: `max by (weft_backend, weft_standing) (weft_cluster_endpoints{${CALLED},weft_standing!="use"})`,
            legend: '{{weft_backend}} {{weft_standing}}',
            mayBeEmpty: true,
          },
          {
            expr: `max by (weft_backend) (weft_cluster_ejected_endpoints{${CALLED}})`,
            legend: '{{weft_backend}} ejected',
            mayBeEmpty: true,
          },
        ]),
        graph('Waiting and turned away', 'short', [
          {
            expr: `sum by (weft_backend) (weft_cluster_pending_requests{${CALLED}})`,
            legend: '{{weft_backend}} waiting',
            mayBeEmpty: true,
          },
          {
            expr: perSecond('weft_cluster_overflows_total', CALLED, ['weft_backend', 'weft_limit']),
            legend: '{{weft_backend}} {{weft_limit}}, a second',
            mayBeEmpty: true,
          },
        ]),
        graph('Connections', 'short', [
          {
            expr: `sum by (weft_backend) (weft_cluster_connections{${CALLED}})`,
            legend: '{{weft_backend}}',
            mayBeEmpty: true,
          },
          {
            expr: perSecond(
              'weft_cluster_connection_attempts_total',
              joined(CALLED, 'weft_outcome="failed"'),
              ['weft_backend'],
            ),
            legend: '{{weft_backend}} failed, a second',
            mayBeEmpty: true,
          },
        ]),
      ],
    },
    {
      title: 'Its sidecars',
      panels: [
        graph('CPU', 'percentunit', [
          { expr: perSecond('process_cpu_time_seconds_total', PODS, ['pod']), legend: '{{pod}}' },
        ]),
        graph('Memory', 'bytes', [
          { expr: `sum by (pod) (process_memory_usage_bytes{${PODS}})`, legend: '{{pod}}' },
        ]),
        graph('Open connections', 'short', [
          {
            expr: `sum by (pod, weft_direction) (weft_downstream_connections{${PODS}})`,
            legend: '{{pod}} {{weft_direction}}',
          },
        ]),
      ],
    },
  ],
}
