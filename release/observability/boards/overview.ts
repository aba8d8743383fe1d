import type { BoardDescription } from '../description.ts'
import { failedStat, flags, golden, graph, NAMESPACE, stat } from '../panels.ts'
import { CLIENT, failedShare, joined, perSecond, quantile, requests, SERVER, share } from '../queries.ts'

const TO_SERVICES = 'weft_destination_service=~".+[.]($namespace)"'
const TO_PODS = 'weft_destination_namespace=~"$namespace"'
const BY = ['weft_destination_service']

/** All services of the mesh. */
export const overview: BoardDescription = {
  name: 'overview',
  title: 'Overview',
  description:
    'Is the mesh well? What its services are asked, how that ends and how long it takes, as callers saw it.',
  variables: [{ ...NAMESPACE, several: true }],
  rows: [
    {
      title: 'Now',
      panels: [
        stat('Requests', 'reqps', requests(CLIENT, TO_SERVICES)),
        failedStat('Failed', failedShare(CLIENT, TO_SERVICES)),
        stat('p99', 's', quantile(0.99, CLIENT, TO_SERVICES)),
        stat(
          'Mutual TLS',
          'percentunit',
          share(requests(SERVER, joined(TO_PODS, 'weft_mtls="true"')), requests(SERVER, TO_PODS)),
          { description: 'Share of the requests to pods that came over mutual TLS.' },
        ),
        stat(
          'Sidecars without control plane',
          'short',
          'sum(1 - weft_control_plane_connected{namespace=~"$namespace"})',
          { thresholds: { bad: 1 } },
        ),
        stat(
          'Problems of the configuration',
          'short',
          'max(sum by (instance) (weft_control_plane_problems))',
          {
            description: '`weft problems` says what they are.',
            thresholds: { warn: 1, bad: 10 },
          },
        ),
      ],
    },
    {
      title: 'Services, as callers saw them',
      panels: golden(CLIENT, TO_SERVICES, 'weft_destination_service'),
    },
    {
      title: 'All of them',
      panels: [
        {
          kind: 'table',
          title: 'Services',
          unit: 'short',
          width: 24,
          columns: { weft_destination_service: 'Service' },
          queries: [
            { expr: requests(CLIENT, TO_SERVICES, BY), legend: 'Requests', unit: 'reqps' },
            { expr: failedShare(CLIENT, TO_SERVICES, BY), legend: 'Failed', unit: 'percentunit' },
            { expr: quantile(0.5, CLIENT, TO_SERVICES, BY), legend: 'p50', unit: 's' },
            { expr: quantile(0.99, CLIENT, TO_SERVICES, BY), legend: 'p99', unit: 's' },
          ],
        },
      ],
    },
    {
      title: 'Trouble and opaque connections',
      panels: [
        flags(CLIENT, TO_SERVICES),
        graph('Opaque connections', 'cps', [
          {
            expr: perSecond(
              'weft_tcp_connections_opened_total',
              'weft_direction="outbound",weft_source_namespace=~"$namespace"',
              ['weft_backend'],
            ),
            legend: '{{weft_backend}}',
            mayBeEmpty: true,
          },
        ]),
        graph('Their bytes', 'Bps', [
          {
            expr: perSecond(
              'weft_tcp_sent_bytes_total',
              'weft_direction="outbound",weft_source_namespace=~"$namespace"',
            ),
            legend: 'to callers',
            mayBeEmpty: true,
          },
          {
            expr: perSecond(
              'weft_tcp_received_bytes_total',
              'weft_direction="outbound",weft_source_namespace=~"$namespace"',
            ),
            legend: 'from callers',
            mayBeEmpty: true,
          },
        ]),
      ],
    },
  ],
}
