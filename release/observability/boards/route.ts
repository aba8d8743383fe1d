import type { BoardDescription } from '../description.ts'
import { failedStat, flags, golden, graph, quantiles, SERVICE, stat } from '../panels.ts'
import { CLIENT, failedShare, perSecond, quantile, requests } from '../queries.ts'

const ASKED = 'weft_destination_service=~"$service",weft_route=~"$route"'

/** The rules of a Service's routes, and where they send requests. */
export const route: BoardDescription = {
  name: 'route',
  title: 'Route',
  description: 'The rules of routes: what each gets, where it goes, how that ends, as callers saw it.',
  variables: [
    { ...SERVICE, several: true },
    {
      name: 'route',
      label: 'Rule',
      query: `label_values(${CLIENT}_count{weft_destination_service=~"$service"}, weft_route)`,
      several: true,
    },
  ],
  rows: [
    {
      title: 'Together',
      panels: [
        stat('Requests', 'reqps', requests(CLIENT, ASKED)),
        failedStat('Failed', failedShare(CLIENT, ASKED)),
        stat('p50', 's', quantile(0.5, CLIENT, ASKED)),
        stat('p99', 's', quantile(0.99, CLIENT, ASKED)),
        stat('Tries beyond the first', 'reqps', perSecond('http_client_request_resends_total', ASKED)),
        stat('Rules', 'short', `count(count by (weft_route) (${CLIENT}_count{${ASKED}}))`),
      ],
    },
    { title: 'By rule', panels: golden(CLIENT, ASKED, 'weft_route') },
    { title: 'By backend', panels: golden(CLIENT, ASKED, 'weft_backend') },
    {
      title: 'How it ends',
      panels: [
        graph(
          'By status',
          'reqps',
          [
            {
              expr: requests(CLIENT, ASKED, ['http_response_status_code', 'rpc_response_status_code']),
              legend: '{{http_response_status_code}} {{rpc_response_status_code}}',
            },
          ],
          { stacked: true },
        ),
        flags(CLIENT, ASKED),
        quantiles(CLIENT, ASKED),
        graph('By caller', 'reqps', [
          {
            expr: requests(CLIENT, ASKED, ['weft_source_namespace', 'weft_source_workload']),
            legend: '{{weft_source_workload}}.{{weft_source_namespace}}',
          },
        ]),
        graph('Retries that the budget left out, hedges', 'reqps', [
          { expr: perSecond('weft_retry_budget_exhausted_total', ''), legend: 'left out', mayBeEmpty: true },
          { expr: perSecond('weft_hedges_sent_total', ''), legend: 'hedges', mayBeEmpty: true },
          {
            expr: perSecond('weft_hedges_won_total', ''),
            legend: 'hedges that were first',
            mayBeEmpty: true,
          },
        ]),
        graph('Copies (mirrors)', 'reqps', [
          { expr: perSecond('weft_mirror_sent_total', ''), legend: 'answered', mayBeEmpty: true },
          { expr: perSecond('weft_mirror_failed_total', ''), legend: 'not answered', mayBeEmpty: true },
        ]),
      ],
    },
  ],
}
