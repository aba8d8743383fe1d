import type { BoardDescription } from '../description.ts'
import { graph, NAMESPACE, stat } from '../panels.ts'
import { flagged, joined, perSecond, requests, SERVER, share } from '../queries.ts'

const DECISIONS = 'weft_authorization_decisions_total'
const PODS = 'namespace=~"$namespace"'
const IN = 'weft_destination_namespace=~"$namespace"'
const decided = (decision: string): string => joined(PODS, `decision="${decision}"`)

/** Who may, who may not, and what is not encrypted. */
export const policy: BoardDescription = {
  name: 'policy',
  title: 'Policy',
  description:
    'What authorization decided, who was refused by which rule, plaintext, and rate limits. Decisions need the label `namespace` of the scrape. `weft why` tells of one refusal.',
  variables: [{ ...NAMESPACE, several: true }],
  rows: [
    {
      title: 'Now',
      panels: [
        stat('Allowed', 'reqps', `${perSecond(DECISIONS, decided('allowed'))} or vector(0)`),
        stat('Denied', 'reqps', `${perSecond(DECISIONS, decided('denied'))} or vector(0)`, {
          thresholds: { warn: 0.001, bad: 10 },
        }),
        stat('Would be denied', 'reqps', `${perSecond(DECISIONS, decided('dry-run-denied'))} or vector(0)`, {
          description: 'By policies that are tried out (dry run).',
        }),
        stat(
          'Mutual TLS',
          'percentunit',
          share(requests(SERVER, joined(IN, 'weft_mtls="true"')), requests(SERVER, IN)),
        ),
        stat(
          'Failed handshakes',
          'cps',
          `${perSecond('weft_tls_handshake_failed_total', PODS)} or vector(0)`,
          {
            thresholds: { warn: 0.1, bad: 10 },
          },
        ),
        stat(
          'Rate limits refused',
          'reqps',
          `${perSecond('weft_rate_limit_refused_total', PODS)} or vector(0)`,
        ),
      ],
    },
    {
      title: 'Decisions',
      panels: [
        graph(
          'By decision',
          'reqps',
          [{ expr: perSecond(DECISIONS, PODS, ['decision']), legend: '{{decision}}' }],
          { stacked: true },
        ),
        graph('Denied, by rule', 'reqps', [
          { expr: perSecond(DECISIONS, decided('denied'), ['policy']), legend: '{{policy}}' },
        ]),
        graph('Would be denied, by rule', 'reqps', [
          {
            expr: perSecond(DECISIONS, decided('dry-run-denied'), ['policy']),
            legend: '{{policy}}',
            mayBeEmpty: true,
          },
        ]),
      ],
    },
    {
      title: 'Who',
      panels: [
        {
          kind: 'table',
          title: 'Refused requests by caller and workload',
          unit: 'reqps',
          width: 16,
          columns: {
            weft_source_identity: 'Caller',
            weft_destination_namespace: 'Namespace',
            weft_destination_workload: 'Workload',
          },
          queries: [
            {
              expr: requests(SERVER, joined(IN, flagged('UAEX')), [
                'weft_source_identity',
                'weft_destination_namespace',
                'weft_destination_workload',
              ]),
              legend: 'Refused',
            },
          ],
        },
        graph('Plaintext, by workload', 'reqps', [
          {
            expr: requests(SERVER, joined(IN, 'weft_mtls="false"'), ['weft_destination_workload']),
            legend: '{{weft_destination_workload}}',
            mayBeEmpty: true,
          },
        ]),
      ],
    },
    {
      title: 'Limits',
      panels: [
        graph('Rate limits', 'reqps', [
          {
            expr: perSecond('weft_rate_limit_refused_total', PODS, ['limit']),
            legend: '{{limit}} refused',
            mayBeEmpty: true,
          },
          {
            expr: perSecond('weft_rate_limit_allowed_total', PODS, ['limit']),
            legend: '{{limit}} let pass',
            mayBeEmpty: true,
          },
        ]),
        graph('Adaptive concurrency', 'short', [
          {
            expr: `sum by (limit) (weft_concurrency_limit{${PODS}})`,
            legend: '{{limit}} limit',
            mayBeEmpty: true,
          },
          {
            expr: `sum by (limit) (weft_concurrency_running{${PODS}})`,
            legend: '{{limit}} running',
            mayBeEmpty: true,
          },
        ]),
        graph('Refusals that no span tells of', 'reqps', [
          { expr: perSecond('weft_refusals_not_reported_total', PODS), legend: 'left out', mayBeEmpty: true },
        ]),
      ],
    },
  ],
}
